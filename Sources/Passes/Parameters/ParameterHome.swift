package import ONNX
package import Tensors

/// The place where a model as it came stores one parameter. In the training form every parameter is an initializer of the outermost graph
/// under `name`; in the model as it came it may also be the value of a Constant node, an initializer of a branch of an If, or an attribute
/// of an operator that keeps its weights there (`AttributeParameters`). Trained values are written back into the same place
/// (`ParameterHomes.write`).
package struct ParameterHome: Sendable, Equatable {
    /// One step from a graph into a subgraph of it.
    package struct Step: Sendable, Hashable {
        package let node: Int
        package let attribute: String
    }

    package enum Storage: Sendable, Hashable {
        /// The initializer at this position of the graph.
        case initializer(Int)
        /// An attribute of the node at this position of the graph: a tensor, a number or a list of numbers.
        case attribute(node: Int, name: String)
    }

    /// The name of the initializer in the training form. It is the name that the value has in the model (of the initializer, or of a
    /// Constant's output) where only one value has it; `OUTPUT/ATTRIBUTE` for an attribute of another operator.
    package let name: String
    /// The way from the outermost graph to the graph that holds it; empty for that graph itself.
    package let path: [Step]
    package let storage: Storage
    /// The type that is stored; 16-bit types are float32 in the training form.
    package let elementType: ElementType
    package let shape: Shape

    /// Whether the training form has the parameter in the same place as the model.
    package var isInitializerOfModel: Bool {
        if case .initializer = storage { path.isEmpty } else { false }
    }
}

/// Lists the operators other than Constant whose attributes are parameters. A lowering in the training form registers its operator here,
/// and replaces the node by operators that read the initializers: `AttributeParameters.name(of:in:)` gives the initializer of an attribute
/// once `LiftParameters` has run, and nil where the attribute was not lifted.
package enum AttributeParameters {
    /// One attribute that holds a parameter, and the shape that the training form gives it.
    package struct Entry: Sendable {
        package let attribute: String
        package let shape: Shape

        package init(_ attribute: String, _ shape: Shape) {
            self.attribute = attribute
            self.shape = shape
        }
    }

    /// Functions that return the entries of a node, by qualified operator type (`ai.onnx.ml.LinearRegressor`). Only nodes of the outermost
    /// graph have entries.
    static let sources: [String: @Sendable (Node) -> [Entry]] = [
        "ai.onnx.ml.LinearClassifier": LinearLowering.classifierParameters,
        "ai.onnx.ml.LinearRegressor": LinearLowering.regressorParameters,
        "ai.onnx.ml.TreeEnsembleClassifier": TreeEnsembleLowering.classifierParameters,
        "ai.onnx.ml.TreeEnsembleRegressor": TreeEnsembleLowering.regressorParameters,
        "ai.onnx.ml.TreeEnsemble": TreeEnsembleLowering.ensembleParameters,
    ]

    /// Returns the name of the initializer that `LiftParameters` made of an attribute.
    package static func name(of attribute: String, in node: Node) -> String? { node.metadata[key(attribute)] }

    /// The names are in the metadata of a node in the training form, so that they survive what other passes do to the node.
    static func key(_ attribute: String) -> String { "millrace.parameter." + attribute }
}
