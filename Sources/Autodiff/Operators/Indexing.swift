import ONNX
import Tensors

extension OperatorTable {
    /// The operators that pick or put elements at given places. An element that was read several times gets the sum of the cotangents.
    static let indexing: [OperatorGradient] = [
        .rule("Gather", weights: [0], by: gather),
        .rule("GatherElements") { (c) in
            [
                c.x.zeros.apply(
                    "ScatterElements", [c.b, c.dy], [axisAttribute(c), Attribute("reduction", .string("add"))], extents: c.x.extents)
            ]
        },
        .rule("GatherND", by: gatherND),
        .rule("TopK") { (c) in
            let axis = Attribute("axis", .int(Int64(c.int("axis", -1))))
            let indices = c.output(1, type: .int64, extents: c.y.extents)
            return [c.x.zeros.apply("ScatterElements", [indices, c.dy], [axis], extents: c.x.extents)]
        },
        .rule("Compress") { (c) in
            // Compress takes an axis or the flattened input; the numbers of the elements are selected in the same way.
            [scattered(c)]
        },
    ]

    private static func axisAttribute(_ c: RuleContext) -> Attribute { Attribute("axis", .int(Int64(c.int("axis")))) }

    /// Adds rows of an embedding (axis 0) row by row. The cotangent of one place along an axis is padded with zeros. For other axes the
    /// input is taken as `[before, axis, after]`.
    private static func gather(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let axis = c.axis(c.int("axis"), rank: rank)
        let indices = c.b
        if indices.extents == [], let place = c.number(1), let extent = c.x.extents?[axis].value {
            let position = Int(place) < 0 ? Int(place) + extent : Int(place)
            let column = c.dy.unsqueezed([axis])
            return [column.padded(axes: [axis], before: [position], after: [extent - 1 - position])]
        }
        let add = [Attribute("reduction", .string("add"))]
        if axis == 0 {
            let places = indices.cast(to: .int64).unsqueezed([-1])
            return [c.x.zeros.apply("ScatterND", [places, c.dy], add, extents: c.x.extents)]
        }
        let leading = c.x.apply("Shape", [], [Attribute("end", .int(Int64(axis)))], type: .int64)
        let trailing = c.x.apply("Shape", [], [Attribute("start", .int(Int64(axis + 1)))], type: .int64)
        func count(_ shape: Symbol) -> Symbol { shape.apply("ReduceProd", extents: [.fixed(1)]) }
        let before = count(leading)
        let after = axis + 1 == rank ? c.graph.integers([1]) : count(trailing)
        let updates = c.dy.reshaped(to: before.concatenated([c.graph.integers([-1]), after]))
        let zeros = c.x.zeros.reshaped(to: before.concatenated([c.x.extent(axis), after]))
        let places = indices.reshaped([1, -1, 1]).apply("Expand", [updates.apply("Shape", type: .int64)])
        let sum = zeros.apply("ScatterElements", [places, updates], [Attribute("axis", .int(1))] + add)
        return [sum.reshaped(like: c.x)]
    }

    /// Adds the cotangent at the positions. If there are batch axes, the positions are found by gathering the numbers of all elements.
    private static func gatherND(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let add = [Attribute("reduction", .string("add"))]
        guard c.int("batch_dims") > 0 else { return [c.x.zeros.apply("ScatterND", [c.b, c.dy], add, extents: c.x.extents)] }
        return [scattered(c)]
    }
}
