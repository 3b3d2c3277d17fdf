import ONNX
import Tensors

/// Gives a gradient rule its view of one node: its attributes, its values, and the cotangents of its outputs.
struct RuleContext {
    let node: Node
    let graph: GradientGraph
    /// The cotangents, one for each output of the node; nil if the loss does not depend on that output.
    let cotangents: [Symbol?]
    /// Tells for each input whether its cotangent is asked for.
    let wanted: [Bool]
    let options: GradientOptions
    /// Tells whether an operator with a pole (a root, a logarithm, a quotient) reads an output, so that a cotangent may be infinite where
    /// this operator passes nothing on.
    let mayBeInfinite: Bool
    /// Tells whether the model leaves out some elements of an output later, which may be NaN.
    let mayHoldNaN: Bool
    /// Returns the value of a constant of the model; nil for trainable values, inputs and large constants.
    let constantValue: (_ name: String) -> Tensor?
    /// Records which of several forms was chosen, for the model's card.
    let note: (_ form: String) -> Void

    func isGiven(_ position: Int) -> Bool { position < node.inputs.count && !node.inputs[position].isEmpty }
    func needs(_ position: Int) -> Bool { position < wanted.count && wanted[position] }
    func input(_ position: Int) -> Symbol { graph.symbol(node.inputs[position]) }
    func optionalInput(_ position: Int) -> Symbol? { isGiven(position) ? input(position) : nil }

    /// The first input, as formulas of one input name it. The next names are the first and second input for formulas of two, and the first
    /// output.
    var x: Symbol { input(0) }
    var a: Symbol { input(0) }
    var b: Symbol { input(1) }
    var y: Symbol { graph.symbol(node.outputs[0]) }
    /// The cotangent of the first output; zeros if only other outputs have one.
    var dy: Symbol { cotangents[0] ?? y.zeros }

    /// Returns an output of the node itself, which is added to the node if the model leaves it out.
    func output(_ position: Int, type: ElementType? = nil, extents: [Dimension]? = nil) -> Symbol {
        graph.output(position, of: node, type: type ?? x.elementType, extents: extents)
    }

    func int(_ name: String, _ fallback: Int = 0) -> Int { node.attribute(name)?.int.map { Int($0) } ?? fallback }
    func ints(_ name: String) -> [Int]? { node.attribute(name)?.ints.map { $0.map { Int($0) } } }
    func float(_ name: String, _ fallback: Double) -> Double { node.attribute(name)?.float.map { Double($0) } ?? fallback }
    func string(_ name: String, _ fallback: String) -> String { node.attribute(name)?.string ?? fallback }

    /// Returns the rank of an input.
    /// - Throws: `noRule` if the rank is not known.
    func rank(_ position: Int = 0) throws(AutodiffError) -> Int {
        guard let rank = input(position).rank else { throw refused("the rank of '\(node.inputs[position])' is not known") }
        return rank
    }

    func axis(_ axis: Int, rank: Int) -> Int { axis < 0 ? axis + rank : axis }

    /// Returns the elements of an input that is a constant of integers; nil for others.
    func integers(_ position: Int) -> [Int]? {
        guard isGiven(position), let tensor = constantValue(node.inputs[position]) else { return nil }
        switch tensor.elementType {
        case .int64: return tensor.values(as: Int64.self)?.map { Int($0) }
        case .int32: return tensor.values(as: Int32.self)?.map { Int($0) }
        default: return nil
        }
    }

    /// Returns the element of an input that is a constant of one element; nil for others.
    func number(_ position: Int) -> Double? {
        guard isGiven(position), let tensor = constantValue(node.inputs[position]), tensor.elementCount == 1 else { return nil }
        switch tensor.elementType {
        case .float32: return tensor.values(as: Float.self).map { Double($0[0]) }
        case .float64: return tensor.values(as: Double.self).map { $0[0] }
        case .int64: return tensor.values(as: Int64.self).map { Double($0[0]) }
        case .int32: return tensor.values(as: Int32.self).map { Double($0[0]) }
        case .bool: return tensor.values(as: UInt8.self).map { Double($0[0]) }
        default: return nil
        }
    }

    /// Makes the error of a rule that cannot be used for this node. The walk adds the path.
    func refused(_ reason: String) -> AutodiffError {
        .noRule(node: node.place, operatorType: node.qualifiedType, path: [], reason: reason)
    }
}
