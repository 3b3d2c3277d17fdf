import ONNX
import Tensors

/// Lowers operators of `ai.onnx.ml` that prepare numbers. Their attributes describe how data is prepared and are not learnt by gradients,
/// so they are constants.
enum NumericLowering {
    /// Computes `(x - offset) * scale`, in float64 for inputs of float64; the result is float32.
    static func scaler(_ l: inout Lowering) throws(Lowering.Refused) {
        let offset = l.floats("offset"), scale = l.floats("scale")
        guard !scale.isEmpty, offset.count == scale.count, let given = l.elementType(0), let extents = l.extents(0),
            (1...2).contains(extents.count)
        else {
            throw .notKnown
        }
        let type: ElementType = given == .float64 ? .float64 : .float32
        let x = given == type ? l.node.inputs[0] : l.cast(l.node.inputs[0], type)
        let shifted = l.add("Sub", [x, l.numbers(offset.map(Double.init), type)])
        let scaled = l.add("Mul", [shifted, l.numbers(scale.map(Double.init), type)])
        l.give(0, type == .float64 ? l.cast(scaled, .float32) : scaled)
    }

    static func imputer(_ l: inout Lowering) throws(Lowering.Refused) {
        let values = l.floats("imputed_value_floats")
        guard l.elementType(0) == .float32, let replaced = l.node.attribute("replaced_value_float")?.float, let extents = l.extents(0),
            (1...2).contains(extents.count), values.count == 1 || extents.last?.value.map({ $0 == values.count }) ?? !values.isEmpty
        else { throw .notKnown }
        let x = l.node.inputs[0]
        let isMissing = replaced.isNaN ? l.add("IsNaN", [x]) : l.add("Equal", [x, l.number(Double(replaced), .float32)])
        l.give(0, l.add("Where", [isMissing, l.numbers(values.map(Double.init), .float32), x]))
    }

    static func normalizer(_ l: inout Lowering) throws(Lowering.Refused) {
        guard let given = l.elementType(0), [.float32, .float64, .int32, .int64].contains(given), let extents = l.extents(0),
            (1...2).contains(extents.count)
        else { throw .notKnown }
        let x = given == .float32 ? l.node.inputs[0] : l.cast(l.node.inputs[0], .float32)
        func normalized(_ power: Int64) -> String {
            l.add("LpNormalization", [x], [Attribute("axis", .int(-1)), Attribute("p", .int(power))])
        }
        switch l.string("norm", "MAX") {
        case "L1": l.give(0, normalized(1))
        case "L2": l.give(0, normalized(2))
        case "MAX":
            let known = l.add("Where", [l.add("IsNaN", [x]), l.number(-Double(Float.greatestFiniteMagnitude), .float32), x])
            let greatest = l.reduce("ReduceMax", known, axis: -1, keep: true)
            let isZero = l.add("Equal", [greatest, l.number(0, .float32)])
            l.give(0, l.add("Div", [x, l.add("Where", [isZero, l.number(1, .float32), greatest])]))
        default: throw .notKnown
        }
    }

    static func binarizer(_ l: inout Lowering) throws(Lowering.Refused) {
        guard let type = l.elementType(0), type == .float32 || type == .float64 else { throw .notKnown }
        let threshold = Double(l.node.attribute("threshold")?.float ?? 0)
        l.give(0, l.cast(l.add("Greater", [l.node.inputs[0], l.number(threshold, type)]), type))
    }

    /// Joins all inputs along the last axis in float32, each cut or filled up with zeros to the width that is stated for it.
    static func featureVectorizer(_ l: inout Lowering) throws(Lowering.Refused) {
        let widths = l.ints("inputdimensions")
        guard widths.count == l.node.inputs.count, !widths.isEmpty else { throw .notKnown }
        var parts: [String] = []
        for (position, width) in widths.enumerated() {
            guard let given = l.extents(position)?.last?.value else { throw .notKnown }
            let part = try l.rows(position, as: .float32)
            if given > width {
                parts.append(l.columns(part, 0..<width))
            } else if given < width {
                parts.append(l.add("Pad", [part, l.integers([0, 0, 0, width - Int64(given)])]))
            } else {
                parts.append(part)
            }
        }
        l.give(0, l.concatenated(parts))
    }

    /// Picks the stated places of the last axis; an input with one axis becomes one row.
    static func arrayFeatureExtractor(_ l: inout Lowering) throws(Lowering.Refused) {
        guard let rank = l.extents(0)?.count, rank > 0 else { throw .notKnown }
        let places = l.add("Reshape", [l.node.inputs[1], l.integers([-1])])
        let picked = l.add("Gather", [l.node.inputs[0], places], [Attribute("axis", .int(-1))])
        l.give(0, rank == 1 ? l.add("Reshape", [picked, l.integers([1, -1])]) : picked)
    }
}
