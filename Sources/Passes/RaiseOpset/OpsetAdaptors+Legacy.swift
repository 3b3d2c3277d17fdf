import ONNX
import Tensors

/// Adapts the forms of the operator sets 1 to 6, in which only some operators broadcast, and only if an attribute requests it.
extension OpsetAdaptors {
    static let broadcasting: [(version: Int64, adapt: Adapt)] = [(7, alignSecondOperand)]

    /// Aligns the second operand. With `broadcast`, its axes begin at `axis` of the first; without `axis` both end together.
    private static func alignSecondOperand(_ it: inout NodeRewriting) throws(Refusal) {
        let axis = it.node.attribute("axis")?.int
        let broadcasts = it.node.attribute("broadcast")?.int == 1
        it.node[attribute: "broadcast"] = nil
        it.node[attribute: "axis"] = nil
        guard broadcasts, let axis else { return }
        guard let rank = it.extents(0)?.count, let width = it.extents(1)?.count else {
            throw Refusal("it broadcasts from axis \(axis) on, and the ranks of its operands do not follow from the model")
        }
        let first = axis < 0 ? Int(axis) + rank : Int(axis)
        try it.standUp(input: 1, missing: rank - first - width)
    }

    /// Gives the slope axes to broadcast over. Before 7, there was a slope for each channel; since then it broadcasts as other operands do.
    static func slopePerChannel(_ it: inout NodeRewriting) throws(Refusal) {
        guard let slope = it.extents(1) else { throw Refusal("the rank of its slope does not follow from the model") }
        guard slope.count == 1, slope[0].value != 1 else { return }
        guard let rank = it.extents(0)?.count else { throw Refusal("the rank of its input does not follow from the model") }
        try it.standUp(input: 1, missing: rank - 2)
    }

    static func inferenceOnly(_ it: inout NodeRewriting) throws(Refusal) {
        guard it.node.attribute("is_test")?.int ?? 0 != 0 || it.node.outputs.count > 1 else {
            throw Refusal("it normalizes with the statistics of its batch and keeps none (is_test = 0)")
        }
        it.node[attribute: "is_test"] = nil
    }

    static func shapeToInput(_ it: inout NodeRewriting) throws(Refusal) { try it.moveIntegersToInput("shape", 1) }

    static func typeByNumber(_ it: inout NodeRewriting) throws(Refusal) {
        guard let name = it.node.attribute("to")?.string else { return }
        let spelled = name.lowercased()
        guard let type = ElementType.allCases.first(where: { $0.name == spelled }) else {
            throw Refusal("it casts to '\(name)', which is no element type")
        }
        it.node[attribute: "to"] = .int(Int64(type.rawValue))
    }

    static func spatialScales(_ it: inout NodeRewriting) throws(Refusal) {
        guard let height = it.node.attribute("height_scale")?.float, let width = it.node.attribute("width_scale")?.float else { return }
        it.node[attribute: "height_scale"] = nil
        it.node[attribute: "width_scale"] = nil
        it.node[attribute: "scales"] = .floats([1, 1, height, width])
    }

    static func roundedConstants(_ it: inout NodeRewriting) throws(Refusal) {
        try keepDefault("alpha", .float(1.6732))(&it)
        try keepDefault("gamma", .float(1.0507))(&it)
    }

    /// Returns a change that sets an attribute to its old default, since a newer form has another one.
    static func keepDefault(_ attribute: String, _ value: AttributeValue) -> Adapt {
        { (it) throws(Refusal) in if it.node[attribute: attribute] == nil { it.node[attribute: attribute] = value } }
    }

    static func drop(_ attribute: String) -> Adapt {
        { (it) throws(Refusal) in it.node[attribute: attribute] = nil }
    }
}

extension NodeRewriting {
    /// Appends `missing` axes of extent 1 to an input.
    fileprivate mutating func standUp(input: Int, missing: Int) throws(Refusal) {
        guard missing >= 0 else { throw Refusal("its input \(input) has more axes than it is broadcast over") }
        guard missing > 0 else { return }
        let axes = integers((1...missing).map { Int64(-$0) }, stem: "axes")
        node.inputs[input] = precede("Unsqueeze", [node.inputs[input], axes], stem: "standing")
    }
}
