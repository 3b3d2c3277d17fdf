package import ONNX
import Passes
package import Recipes
package import Tensors

/// Holds one optimization step of a model as one ONNX graph, and an evaluation graph from the same recipe.
///
/// `step` has these inputs: those of the model, target, sample weight and learning rate, the inputs of `slots`, `frozenWeights`, and
/// `signature.apply` and `signature.randomKey` if they are not nil. Its outputs are loss, loss weight and the next values of `slots`.
/// `evaluation` has these inputs: those of the model, target, sample weight, the inputs of all parameters, and `frozenWeights`. Its outputs
/// are loss, loss weight and `signature.scores`. The first axis of all values of a batch is that of its rows.
///
/// Where the recipe cuts batches into shares, `shares` computes what each of them adds, and `step` begins with the sums over all of them:
/// in place of the inputs of a batch it has the `total` of each sum, and the key of dropout is an input of `shares`.
package struct StepGraph: Sendable {
    package let step: Model
    package let evaluation: Model
    /// What is computed of each share of a batch; nil where batches are whole.
    package let shares: ShareGraph?
    package let signature: Signature
    /// The values that pass from one step to the next, read from `input` and written to `output`, in a fixed order: parameters first,
    /// statistics last.
    package let slots: [Slot]
    /// The untrained weights that are inputs of both graphs, under their own names, so that many bytes are in memory once.
    package let frozenWeights: [String]
    /// The classes, in the order of the class axis, if the model names them: in a ZipMap, or as the values from which its label output
    /// picks.
    package let classes: [ClassLabel]?
    /// The float initializers that this recipe does not train, with the reason.
    package let untrained: [Untrained]
    /// Maps the nodes whose gradient has several forms to the one that was chosen.
    package let gradientForms: [String: String]
    package let recipe: GradientDescent

    /// The model in training form, which has the first values of the parameters.
    let source: Model
    let adapted: [AdaptedWeight]
    let shared: SharedWeights

    package struct Signature: Sendable, Hashable {
        /// The input that the scores are compared with; nil if the model computes its own loss.
        package let target: Target?
        /// The values that the target is compared with: one, or two for a pair of embeddings; empty if the model computes its own loss.
        package let scores: [Scores]
        /// The weight of each row, float32 `[N]`; nil if the model's own loss is one number.
        package let sampleWeight: String?
        /// The learning rate, a float32 scalar, only in `step`.
        package let learningRate: String
        /// Tells whether this batch ends a step: a bool scalar, only in `step`, nil unless gradients are accumulated. False only adds to
        /// the gradient.
        package let apply: String?
        /// The key of `StepGraph.randomKey(step:)`, a uint32 scalar, only in `step`, nil unless the model has dropout.
        package let randomKey: String?
        /// The weighted mean of the batch, a float32 scalar.
        package let loss: String
        /// The sum of the weights in that mean, a float32 scalar. The mean over several batches is `sum(loss * weight) / sum(weight)`.
        package let lossWeight: String
    }

    package struct Target: Sendable, Hashable {
        package let name: String
        package let elementType: ElementType
        /// The shape; the first axis is that of the rows.
        package let dimensions: [Dimension]
    }

    package struct Scores: Sendable, Hashable {
        package enum Kind: Sendable, Hashable {
            /// The scores are logits: softmax over `axis` gives the probabilities.
            case classLogits(axis: Int)
            /// The scores along `axis` are the probabilities of the classes, or are proportional to them.
            case classProbabilities(axis: Int)
            /// The scores are logits: sigmoid gives the probability.
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
        /// The name of an output of `evaluation`.
        package let name: String
        package let kind: Kind
        package let elementType: ElementType
        package let dimensions: [Dimension]
        /// The extent of the class axis; nil if there is none or it is not known.
        package let classCount: Int?
    }

    package struct Slot: Sendable, Hashable {
        package enum Kind: Sendable, Hashable {
            case parameter
            /// The slot is the moving average of the parameter of this name.
            case average(of: String)
            case state
            /// The slot is a running mean or variance of a BatchNormalization, which is written into the model as parameters are, but has
            /// no gradient.
            case statistic
        }
        /// The name of the parameter; `square_sum/NAME` and the like for the state of a parameter; `step`.
        package let name: String
        package let kind: Kind
        package let input: String
        package let output: String
        package let elementType: ElementType
        package let shape: Shape
        /// Tells whether `output` may be written into the memory of `input`; true only for the state of an optimizer.
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

    /// The slots whose values are written into the model: trained parameters and running statistics.
    package var parameters: [Slot] { slots.filter { $0.kind == .parameter || $0.kind == .statistic } }

    /// The names of the values in the model that training changes: those of `parameters`, and those of the copies of shared ones.
    package var trainedNames: [String] { parameters.flatMap { shared.names(of: $0.name) } }
}
