import Columnar
import Names
import ONNX
import Reasons
import Recipes
import Tensors
import TrainingGraph

extension Target {
    /// Decides what label columns must hold for this loss; returns `nil` where the model computes its own loss.
    /// - Parameter classCount: the number of classes that the model tells apart, where it is known.
    init?(_ target: StepGraph.Target?, classCount: Int?, loss: Loss) throws(TrainingError) {
        guard let target else { return nil }
        let shape = target.dimensions.dropFirst().map(\.value)
        switch loss {
        case .crossEntropy(_, _, .indices):
            guard let count = classCount else {
                throw .badModel(
                    reason: "the model does not say how many classes it tells apart", remedy: "export it with a fixed class axis")
            }
            self.init(.classIndex(count: count), rowShape: shape)
        case .crossEntropy(_, _, .probabilities): self.init(.probabilities, elementType: target.elementType, rowShape: shape)
        case .binaryCrossEntropy, .multilabel: self.init(.yesOrNo, elementType: target.elementType, rowShape: shape)
        case .poisson: self.init(.nonnegative, elementType: target.elementType, rowShape: shape)
        default: self.init(.numbers, elementType: target.elementType, rowShape: shape)
        }
    }
}

extension StepGraph.ClassLabel {
    var text: String {
        switch self {
        case .name(let name): name
        case .number(let number): "\(number)"
        }
    }
}

extension Model {
    /// Throws where there is a rule for an input that the model does not have.
    func check(_ rules: NameMap<InputRule>) throws(TrainingError) {
        let names = graph.requiredInputs.map(\.name)
        guard let slip = rules.keys.sorted().first(where: { !names.containsName($0) }) else { return }
        throw .badModel(
            reason: "there is no model input '\(slip)'; it has \(names.map { "'\($0)'" }.joined(separator: ", "))",
            remedy: "name its inputs (schema.inputs, or --columns and --scale)")
    }

    /// Returns the inputs that rows fill, as binding needs them; the first axis is the batch.
    func rowInputs() throws(TrainingError) -> [ModelInput] {
        try graph.requiredInputs.map { value throws(TrainingError) in
            guard case .tensor(let type?, let dimensions?)? = value.type, !dimensions.isEmpty else {
                throw .badModel(
                    reason:
                        "model input '\(value.name)' is \(value.type?.description ?? "of no stated type"), which rows of a "
                        + "table cannot fill",
                    remedy: "export the model with the batch as its inputs' first axis")
            }
            return ModelInput(
                name: value.name, elementType: type, dimensions: dimensions.map(\.value),
                symbols: dimensions.map(\.symbol))
        }
    }
}

extension ModelInput {
    /// The input with an open batch axis, because rows are packed one by one, whatever batch the model takes.
    var withOpenBatch: ModelInput {
        ModelInput(name: name, elementType: elementType, dimensions: [nil] + dimensions.dropFirst(), symbols: symbols)
    }
}
