package import ONNX
package import Tensors

/// Names the place where the original model stores one parameter. In the training form every parameter is an initializer of the outermost
/// graph under `name`; in the original model it may also be the value of a Constant node, an initializer of a branch of an If, or an
/// attribute of an operator that keeps its weights there (`AttributeParameters`). Trained values are written back into the same place
/// (`ParameterHomes.write`).
package struct ParameterHome: Sendable, Equatable {
    /// Describes one step from a graph into a subgraph of it.
    package struct Step: Sendable, Hashable {
        package let node: Int
        package let attribute: String
    }

    package enum Storage: Sendable, Hashable {
        /// The parameter is the initializer at this position of the graph.
        case initializer(Int)
        /// The parameter is an attribute of the node at this position of the graph: a tensor, a number or a list of numbers.
        case attribute(node: Int, name: String)
    }

    /// The name of the initializer in the training form. It is the name that the value has in the model (of the initializer, or of a
    /// Constant's output) where only one value has it; `OUTPUT/ATTRIBUTE` for an attribute of another operator.
    package let name: String
    /// The path from the outermost graph to the graph that holds it; empty for the outermost graph itself.
    package let path: [Step]
    package let storage: Storage
    /// The type that is stored; 16-bit types are float32 in the training form.
    package let elementType: ElementType
    package let shape: Shape

    /// Tells whether the training form has the parameter in the same place as the model.
    package var isInitializerOfModel: Bool {
        if case .initializer = storage { path.isEmpty } else { false }
    }
}

/// Lists the operators other than Constant whose attributes are parameters. A lowering in the training form registers its operator here,
/// and replaces the node by operators that read the initializers: `AttributeParameters.name(of:in:)` gives the initializer of an attribute
/// once `LiftParameters` has run, and nil where the attribute was not lifted.
package enum AttributeParameters {
    /// Describes one attribute that holds a parameter, with the shape that the training form gives it.
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

    /// Returns the key of an attribute's initializer in the metadata of a node. The names are in the metadata, so that they survive what
    /// other passes do to the node.
    static func key(_ attribute: String) -> String { "millrace.parameter." + attribute }
}
