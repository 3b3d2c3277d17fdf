import ONNX
import Tensors

extension OperatorTable {
    static let reductions: [OperatorGradient] = [
        .rule("ReduceSum") { (c) in [restored(c.dy, c).expanded(like: c.x)] },
        .rule("ReduceMean") { (c) in [restored(c.dy / elementsPerResult(c), c).expanded(like: c.x)] },
        .rule("ReduceMax", by: extreme), .rule("ReduceMin", by: extreme),
        .rule("ReduceSumSquare") { (c) in [c.x * (restored(c.dy, c) * 2)] },
        .rule("ReduceL1") { (c) in [c.x.sign * restored(c.dy, c)] },
        .rule("ReduceL2", .hasPole) { (c) in [c.x * restored(c.y.equals(0).select(0, c.dy / c.y), c)] },
        .rule("ReduceLogSum", .hasPole) { (c) in [restored(c.dy * (-c.y).exp, c).expanded(like: c.x)] },
        .rule("ReduceLogSumExp") { (c) in [(c.x - restored(c.y, c)).exp * restored(c.dy, c)] },
        .rule("ReduceProd", by: product), .rule("CumProd", withoutGradient: [1], by: runningProduct),
    ]

    /// Sums over the axes that the node reduces, which stay as axes of one element.
    private static func summed(_ value: Symbol, _ c: RuleContext) -> Symbol {
        value.apply("ReduceSum", [c.optionalInput(1)], c.node.attributes.filter { $0.name == "noop_with_empty_axes" })
    }

    /// Divides the cotangent equally among the elements that attain the extreme.
    private static func extreme(_ c: RuleContext) -> [Symbol?] {
        let hits = c.x.equals(restored(c.y, c))
        return [hits.select(restored(c.dy, c) / summed(hits.cast(to: c.x.elementType), c), 0)]
    }

    /// Gives every element the product of the other elements: the whole product divided by it, unless an element is zero.
    private static func product(_ c: RuleContext) -> [Symbol?] {
        let isZero = c.x.equals(0)
        let rest = isZero.select(1, c.x)
        let whole = rest.apply("ReduceProd", [c.optionalInput(1)], c.node.attributes.filter { $0.name == "noop_with_empty_axes" })
        let zeros = summed(isZero.cast(to: c.x.elementType), c)
        let others = zeros.equals(0).select(whole / rest, zeros.equals(1).and(isZero).select(whole, 0))
        return [restored(c.dy, c) * others]
    }

    /// Gives every element, for each product it is in, the product of the others there: the whole divided by the element while there was no
    /// zero yet; the first zero gets the products up to the second.
    private static func runningProduct(_ c: RuleContext) -> [Symbol?] {
        let order = Attribute("reverse", .int(Int64(c.int("reverse")))), back = Attribute("reverse", .int(1 - Int64(c.int("reverse"))))
        let bounds = Attribute("exclusive", .int(Int64(c.int("exclusive"))))
        func run(_ operatorType: String, _ value: Symbol, _ attributes: [Attribute]) -> Symbol {
            value.apply(operatorType, [c.b], attributes, extents: c.x.extents)
        }
        let isZero = c.x.equals(0)
        let rest = isZero.select(1, c.x), marks = isZero.mask(c.x.elementType)
        let zeros = run("CumSum", marks, [bounds, order])
        let parts = c.dy * run("CumProd", rest, [bounds, order])
        func collected(_ count: Double) -> Symbol { run("CumSum", parts * zeros.equals(count).mask(c.x.elementType), [bounds, back]) }
        let isFirst = run("CumSum", marks, [order]).equals(1).and(isZero)
        return [isFirst.select(collected(1), isZero.select(0, collected(0) / rest))]
    }

    /// Gives `value`, which has the shape of the reduction's output, the reduced axes back as axes of one element.
    static func restored(_ value: Symbol, _ c: RuleContext) -> Symbol {
        if c.int("keepdims", 1) == 1 { return value }
        if c.isGiven(1) {
            if let axes = c.integers(1) {
                if !axes.isEmpty { return value.unsqueezed(axes) }
            } else {
                return value.apply("Unsqueeze", [c.input(1)])
            }
        }
        return value  // a scalar, or nothing was reduced
    }

    /// Returns the number of elements that went into each result, as a scalar.
    static func elementsPerResult(_ c: RuleContext) -> Symbol { ratio(c.x, to: c.y) }

    /// Returns the number of elements of `whole` divided by that of `part`, as a scalar.
    static func ratio(_ whole: Symbol, to part: Symbol) -> Symbol {
        if let all = whole.fixedExtents?.reduce(1, *), let own = part.fixedExtents?.reduce(1, *), own > 0 {
            return whole.graph.scalar(Double(all / own), whole.elementType)
        }
        return (whole.size / part.size).cast(to: whole.elementType)
    }
}
