import ONNX
import Tensors

extension OperatorTable {
    /// The operators that work element by element.
    static let arithmetic: [OperatorGradient] = [
        .rule("Add", .broadcasts) { [$0.dy, $0.dy] },
        .rule("Sub", .broadcasts) { [$0.dy, -$0.dy] },
        .rule("Mul", .broadcasts) { [$0.dy * $0.b, $0.dy * $0.a] },
        .rule("Div", [.broadcasts, .hasPole]) { (c) in
            let quotient = c.dy / c.b
            return [quotient, -(quotient * c.y)]
        },
        .rule("Pow", [.broadcasts, .hasPole], by: power),
        .rule("Mod", .broadcasts) { (c) in
            let quotient = c.a / c.b
            return [c.dy, -(c.dy * (c.int("fmod") == 1 ? truncated(quotient) : quotient.map("Floor")))]
        },
        .rule("Neg") { [-$0.dy] },
        .rule("Abs") { [$0.dy * $0.x.sign] },
        .rule("Sqrt", .hasPole) { [$0.dy * 0.5 / $0.y] },
        .rule("Reciprocal", .hasPole) { [-($0.dy * $0.y.squared)] },
        .rule("Exp") { [$0.dy * $0.y] },
        .rule("Log", .hasPole) { [$0.dy / $0.x] },
        .rule("Erf") { [$0.dy * ((-$0.x.squared).exp * 1.128379167095512574)] },
        .rule("Sum", .broadcasts) { (c) in c.node.inputs.map { _ in c.dy } },
        .rule("Mean", .broadcasts) { (c) in
            let share = c.dy / Double(c.node.inputs.count)
            return c.node.inputs.map { _ in share }
        },
        .rule("Max", .broadcasts, by: extreme), .rule("Min", .broadcasts, by: extreme),
        .rule("Where", [.broadcasts, .expectsNaN]) { (c) in
            let condition = c.input(0)
            return [nil, condition.select(c.dy, 0), condition.select(0, c.dy)]
        },
        .rule("Clip", .broadcasts, by: clip),
        .rule("Identity", .copies) { [$0.dy] },
        .rule("Cast", .copies) { [$0.dy.cast(to: $0.x.elementType)] },
        .rule("CastLike", withoutGradient: [1]) { [$0.dy.cast(to: $0.x.elementType)] },
        .rule("Sin") { [$0.dy * $0.x.map("Cos")] },
        .rule("Cos") { [-($0.dy * $0.x.map("Sin"))] },
        .rule("Tan") { [$0.dy * ($0.y.squared + 1)] },
        .rule("Asin", .hasPole) { [$0.dy / (1 - $0.x.squared).sqrt] },
        .rule("Acos", .hasPole) { [-($0.dy / (1 - $0.x.squared).sqrt)] },
        .rule("Atan") { [$0.dy / ($0.x.squared + 1)] },
        .rule("Sinh") { [$0.dy * $0.x.map("Cosh")] },
        .rule("Cosh") { [$0.dy * $0.x.map("Sinh")] },
        .rule("Asinh") { [$0.dy / ($0.x.squared + 1).sqrt] },
        .rule("Acosh", .hasPole) { [$0.dy / ($0.x.squared - 1).sqrt] },
        .rule("Atanh", .hasPole) { [$0.dy / (1 - $0.x.squared)] },
    ]

    private static func truncated(_ value: Symbol) -> Symbol { value.sign * value.abs.map("Floor") }

    /// Returns `d a^b / da = b a^(b-1)`, `d a^b / db = a^b log a`. Common exponents avoid Pow. A zero base or exponent gives no `0 * inf`.
    private static func power(_ c: RuleContext) -> [Symbol?] {
        let toBase: Symbol
        switch c.number(1) {
        case 0?: toBase = c.a.zeros
        case 1?: toBase = c.dy
        case 2?: toBase = c.dy * (c.a * 2)
        case 3?: toBase = c.dy * (c.a.squared * 3)
        case 0.5?: toBase = c.dy * 0.5 / c.y
        case .some(-1): toBase = -(c.dy * c.y.squared)
        case let exponent?: toBase = c.dy * (c.a.power(exponent - 1) * exponent)
        case nil:
            let exponent = c.b.cast(to: c.a.elementType)
            let slope = exponent * c.a.apply("Pow", [exponent - 1], extents: Broadcasting.extents(c.a.extents, exponent.extents))
            toBase = c.dy * exponent.equals(0).select(0, slope)
        }
        guard c.needs(1) else { return [toBase, nil] }
        let positive = c.a > 0
        let logarithm = positive.select(positive.select(c.a, 1).log, 0)
        return [toBase, c.dy * c.y * logarithm]
    }

    /// Divides the cotangent equally among the inputs that attain the extreme.
    private static func extreme(_ c: RuleContext) -> [Symbol?] {
        if c.node.inputs.count == 1 { return [c.dy] }
        let hits = c.node.inputs.indices.map { c.input($0).equals(c.y) }
        let count = hits.dropFirst().reduce(hits[0].cast(to: c.x.elementType)) { $0 + $1.cast(to: c.x.elementType) }
        let share = c.dy / count
        return hits.map { $0.select(share, 0) }
    }

    /// Returns the gradient of `min(max(x, low), high)`. An input that equals a bound gets the cotangent.
    private static func clip(_ c: RuleContext) -> [Symbol?] {
        let low = c.optionalInput(1), high = c.optionalInput(2)
        let below = low.map { c.x < $0 }
        var raised = c.x
        if let low, high != nil, !((c.number(1) ?? .infinity) <= (c.number(2) ?? -.infinity)) {
            raised = c.x.apply("Max", [low], extents: c.x.extents)
        }
        let above = high.map { raised > $0 }
        func passed(_ condition: Symbol?) -> Symbol {
            guard let condition else { return c.dy }
            return c.mayBeInfinite ? condition.select(c.dy, 0) : c.dy * condition.mask(c.x.elementType)
        }
        let notAbove = above?.not
        let inside = [below?.not, notAbove].compactMap { $0 }
        return [
            passed(inside.dropFirst().reduce(inside.first) { $0?.and($1) }),
            passed(below.map { low in notAbove.map { low.and($0) } ?? low }), passed(above),
        ]
    }
}
