package import ONNX
package import Tensors

/// Says why a model is not quantized, in words for the person who asked for it.
package enum QuantizationError: Error, Sendable, Equatable {
    /// A node of the model computes with integers already; `place` names it.
    case alreadyQuantized(place: String)
    /// No node of the model has this name.
    case unknownNode(String)
    /// An option cannot be used as it is.
    case invalidOption(name: String, value: String, reason: String)
    /// There is no node that can be quantized; `left` says why for each that was looked at.
    case nothingToQuantize(left: [LeftNode])
    /// Rows that were fed in, or were not, do not tell what a value of the model can be.
    case calibration(value: String, problem: CalibrationProblem)
    /// The model cannot be rewritten as it is.
    case unsupported(place: String, reason: String, remedy: String)
    /// The model or its weights cannot be read or written.
    case model(ONNXError)
}

/// Says what is wrong with the rows that are to tell the range of a value.
package enum CalibrationProblem: Sendable, Equatable {
    /// No tensor was fed in for the value.
    case missing
    case tooFewRows(found: Int, least: Int)
    case notFinite
    case constant(Float)
    /// The calibration does not need this value.
    case notAsked
    case elementType(ElementType)
    /// The tensor has another number of channels than those before it.
    case channels(found: Int, expected: Int)
}

/// Names a node that stays in float, or a weight, and says why.
package struct LeftNode: Sendable, Equatable {
    package let name: String
    package let reason: LeftReason
}

package enum LeftReason: Sendable, Equatable {
    case excluded
    /// It is in the body of an If, Loop or Scan, which is left alone.
    case insideSubgraph
    /// The weight is computed, or it is an input that a caller may override.
    case notConstant
    case firstFactor
    case elementType(ElementType?)
    case rank(Int)
    case tooSmall(depth: Int, columns: Int)
    /// A sum of so many products can leave the range of int32.
    case tooDeep(Int)
    case notFinite
    /// A weight is too large for float16.
    case tooLarge
    /// An operator has a setting that the integer form does not have.
    case setting(String)
}

/// Tells what a rewriting did.
package struct QuantizationReport: Sendable, Equatable {
    /// The names of the nodes that are quantized (`Node.label`), in the order of the graph; of float16 storage, those of the weights.
    package internal(set) var quantized: [String] = []
    package internal(set) var left: [LeftNode] = []
}

extension QuantizationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .alreadyQuantized(let place): "\(place): the model is quantized already; start from the float model"
        case .unknownNode(let name): "no node of the model has the name '\(name)', which is to stay in float; correct the name"
        case .invalidOption(let name, let value, let reason): "\(name) is \(value): \(reason)"
        case .nothingToQuantize(let left):
            left.isEmpty
                ? "the model has no node with a weight that can be quantized; use it as it is"
                : "no node of the model can be quantized (" + left.prefix(3).map { "'\($0.name)': \($0.reason)" }.joined(separator: "; ")
                    + (left.count > 3 ? "; and \(left.count - 3) more" : "") + "); use the model as it is"
        case .calibration(let value, let problem): "value '\(value)': \(problem)"
        case .unsupported(let place, let reason, let remedy): "\(place): \(reason); \(remedy)"
        case .model(let error): "\(error)"
        }
    }
}

extension CalibrationProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing: "no row was fed in for it; run the model with this value among its outputs"
        case .tooFewRows(let found, let least): "\(found) rows were fed in and \(least) are the least; give more rows"
        case .notFinite: "a row makes it infinite or NaN; leave out that row, or the node from quantization"
        case .constant(let number): "it is \(number) in every row; give rows that differ, or exclude the nodes that read it"
        case .notAsked: "the calibration does not ask for it; feed in the values that it lists"
        case .elementType(let type): "it is \(type.name), and only float values have a range; feed in what the float model computes"
        case .channels(let found, let expected): "it has \(found) channels and had \(expected) before; feed in values of one model"
        }
    }
}

extension LeftReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .excluded: "it is excluded"
        case .insideSubgraph: "it is in the body of another node"
        case .notConstant: "its weight is no constant"
        case .firstFactor: "its constant is the first factor"
        case .elementType(let type): "its weight is \(type?.name ?? "of an unknown type"), and only float32 is quantized"
        case .rank(let rank): "its weight has \(rank) axes"
        case .tooSmall(let depth, let columns): "its weight is only \(depth) by \(columns)"
        case .tooDeep(let depth): "sums of \(depth) products can leave the range of int32"
        case .notFinite: "its weight has a NaN or an infinite number"
        case .tooLarge: "a number in it is too large for float16"
        case .setting(let setting): "\(setting) has no integer form"
        }
    }
}
