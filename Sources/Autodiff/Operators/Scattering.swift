import ONNX
import Tensors

/// Differentiates ScatterElements and ScatterND: at the given places of a copy of `data`, `updates` are put, added, multiplied or compared.
struct Scattering {
    static let operators: [OperatorGradient] = [
        .rule("ScatterElements", by: rule), .rule("ScatterND", by: rule), .rule("TensorScatter", by: cache),
    ]

    private let operatorType: String
    private let indices: Symbol
    private let axis: [Attribute]
    private let data, updates: Symbol

    private init(_ c: RuleContext) {
        operatorType = c.node.operatorType
        indices = c.b
        axis = operatorType == "ScatterElements" ? [Attribute("axis", .int(Int64(c.int("axis"))))] : []
        (data, updates) = (c.x, c.input(2))
    }

    @Sendable private static func rule(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let places = Scattering(c)
        switch c.string("reduction", "none") {
        case "none": return [places.put(places.updates.zeros, into: c.dy), nil, places.taken(c.dy)]
        case "add": return [c.dy, nil, places.taken(c.dy)]
        case "mul": return places.product(c.dy)
        case "max", "min": return places.extreme(c.dy, of: c.y)
        case let reduction: throw c.refused("its reduction '\(reduction)' has none")
        }
    }

    private func put(_ updates: Symbol, into data: Symbol, _ reduction: String? = nil) -> Symbol {
        data.apply(
            operatorType, [indices, updates], axis + (reduction.map { [Attribute("reduction", .string($0))] } ?? []),
            extents: self.data.extents)
    }

    /// Returns the elements at the places, in the shape of the updates.
    private func taken(_ value: Symbol) -> Symbol {
        value.apply(operatorType == "ScatterND" ? "GatherND" : "GatherElements", [indices], axis, extents: updates.extents)
    }

    /// Gives every factor the product of the other factors: the whole product divided by it, unless one of them is zero.
    private func product(_ cotangent: Symbol) -> [Symbol?] {
        let ones = data.zeros + 1
        let (noData, noUpdate) = (data.equals(0), updates.equals(0))
        let whole = put(noUpdate.select(1, updates), into: noData.select(1, data), "mul")
        let zeros = put(noUpdate.mask(data.elementType), into: noData.mask(data.elementType), "add")
        let (ownWhole, ownZeros) = (taken(whole), taken(zeros))
        let others = ownZeros.equals(0).select(ownWhole / updates, ownZeros.equals(1).and(noUpdate).select(ownWhole, 0))
        return [cotangent * put(updates, into: ones, "mul"), nil, taken(cotangent) * others]
    }

    /// Divides the cotangent of a place equally among the elements that attain the extreme there.
    private func extreme(_ cotangent: Symbol, of result: Symbol) -> [Symbol?] {
        let hits = data.equals(result), updateHits = updates.equals(taken(result))
        let share = cotangent / put(updateHits.mask(data.elementType), into: hits.mask(data.elementType), "add")
        return [hits.select(share, 0), nil, updateHits.select(taken(share), 0)]
    }

    /// Returns the gradient of a cache `[B, ..., T, ...]`, into which each row of an update `[B, ..., S, ...]` was written from its own
    /// place on.
    @Sendable private static func cache(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let rank = try c.rank()
        let axis = c.axis(c.int("axis", -2), rank: rank), graph = c.graph
        let kept = c.dy.apply("TensorScatter", [c.b.zeros, c.optionalInput(2)], c.node.attributes, extents: c.x.extents)
        func number(_ value: Int64) -> Symbol { graph.constant(.int64, [], [value]) }
        func line(_ value: Symbol, along own: Int) -> Symbol { value.unsqueezed((0..<rank).filter { $0 != own }) }
        var places = line(
            number(0).apply("Range", [c.b.extent(axis).squeezed([0]), number(1)], extents: [c.b.extents?[axis] ?? .unknown]), along: axis)
        if let starts = c.optionalInput(2) { places = places + line(starts.cast(to: .int64), along: 0) }
        if c.string("mode", "linear") == "circular" { places = places.apply("Mod", [c.x.extent(axis)], extents: places.extents) }
        let every = places.apply("Expand", [c.b.shape], extents: c.b.extents)
        return [kept, c.dy.apply("GatherElements", [every], [Attribute("axis", .int(Int64(axis)))], extents: c.b.extents)]
    }
}
