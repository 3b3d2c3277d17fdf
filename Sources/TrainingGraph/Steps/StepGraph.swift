package import ONNX
import Passes
package import Tensors
package import Recipes

/// One optimization step of a model as one ONNX graph, and an evaluation graph from the same recipe.
///
/// Inputs of `step`: the model's own, target, sample weight and learning rate, the inputs of `slots`, those of `heldWeights`, and
/// `ports.apply` and `ports.randomKey` where they are not nil. Outputs: loss, loss weight and the next values of `slots`.
/// Inputs of `evaluation`: the model's own, target, sample weight, the inputs of all parameters, and those of `heldWeights`. Outputs: loss,
/// loss weight and `ports.scores`. What belongs to a batch has the batch's rows on its first axis.
package struct StepGraph: Sendable {
    package let step: Model
    package let evaluation: Model
    package let ports: Ports
    /// What passes from one step to the next, parameters first, statistics last, in a fixed order: read from `input`, written to `output`.
    package let slots: [Slot]
    /// Untrained weights that are inputs too, under their own names, since they are many bytes: whoever runs both graphs holds them once.
    package let heldWeights: [String]
    /// The classes of a model that names them (in a ZipMap, or as the values that its label output picks from), in the order of the class
    /// axis.
    package let classes: [ClassLabel]?
    /// The float initializers that this recipe does not train, and why.
    package let untrained: [Untrained]
    /// Where a gradient has several forms: the node, and which was chosen.
    package let gradientForms: [String: String]
    package let recipe: GradientDescent

    /// The model in training form, where all values come from.
    let source: Model
    let adapted: [AdaptedWeight]
    let shared: SharedWeights

    package struct Ports: Sendable, Hashable {
        /// What the output is compared with; nil where the model computes its own loss.
        package let target: Target?
        /// What the target is compared with, one or for a pair of embeddings two; empty where the model computes its own loss.
        package let scores: [Scores]
        /// float32 `[N]`: what each row counts. nil where the model's own loss is one number.
        package let sampleWeight: String?
        /// float32 scalar, of `step`.
        package let learningRate: String
        /// bool scalar, of `step`, there where gradients are accumulated: whether this batch ends a step. False only adds to the gradient.
        package let apply: String?
        /// uint32 scalar, of `step`, there where the model has dropout: `StepGraph.randomKey(step:)`.
        package let randomKey: String?
        /// float32 scalar: the weighted mean of the batch.
        package let loss: String
        /// float32 scalar: the sum of the weights in that mean. The mean over several batches is `sum(loss * weight) / sum(weight)`.
        package let lossWeight: String
    }

    package struct Target: Sendable, Hashable {
        package let name: String
        package let elementType: ElementType
        /// The first is the rows'.
        package let dimensions: [Dimension]
    }

    package struct Scores: Sendable, Hashable {
        package enum Kind: Sendable, Hashable {
            /// Softmax over `axis` gives the probabilities.
            case classLogits(axis: Int)
            /// The values along `axis` are the probabilities of the classes, or are proportional to them.
            case classProbabilities(axis: Int)
            /// Sigmoid gives the probability.
            case logits
            case probabilities
            case logRate
            case values

            var classAxis: Int? {
                switch self {
                case .classLogits(let axis), .classProbabilities(let axis): axis
                case .logits, .probabilities, .logRate, .values: nil
                }
            }
        }
        /// An output of `evaluation`.
        package let name: String
        package let kind: Kind
        package let elementType: ElementType
        package let dimensions: [Dimension]
        /// The extent of the class axis, where there is one and it is known.
        package let classCount: Int?
    }

    package struct Slot: Sendable, Hashable {
        package enum Kind: Sendable, Hashable {
            case parameter
            /// The moving average of the parameter of this name.
            case average(of: String)
            case state
            /// A running mean or variance of a BatchNormalization, which batches move: the model's as parameters are, but no gradient's.
            case statistic
        }
        /// The parameter's own name; `exp_avg/NAME` and the like for what belongs to one; `step`.
        package let name: String
        package let kind: Kind
        package let input: String
        package let output: String
        package let elementType: ElementType
        package let shape: Shape
        /// Of an optimizer's state: whether `output` may be written into the memory of `input`.
        package var isOverwritable = false
    }

    package struct Untrained: Sendable, Hashable {
        package let name: String
        package let reason: String
    }

    package enum ClassLabel: Sendable, Hashable {
        case name(String)
        case number(Int64)
    }

    /// What is the model's: trained parameters, and running statistics that move with them.
    package var parameters: [Slot] { slots.filter { $0.kind == .parameter || $0.kind == .statistic } }

    /// The names of the values in the model that training changes: those of `parameters`, and those of the copies of shared ones.
    package var trainedNames: [String] { parameters.flatMap { shared.names(of: $0.name) } }
}
