import ONNXProto
import SwiftProtobuf

/// Holds an ONNX model: a graph, the versions of its operators, and what is known about it. It has value semantics: a copy is independent,
/// and large tensors are shared until changed.
package struct Model: Sendable {
    @Field package var irVersion: Int64
    package var operatorSets: [OperatorSet]
    @Field package var producerName: String
    @Field package var producerVersion: String
    @Field package var domain: String
    @Field package var modelVersion: Int64
    @Field package var docString: String
    package var graph: Graph { didSet { hasGraph = true } }
    package var metadata = Metadata()
    package var functions: [Function] = []
    package var trainingInfo: [TrainingInfo] = []
    /// The directory in which external data is looked for: that of the file that the model was loaded from. It is not part of the model's
    /// value.
    package var directory: String?
    /// The external data where someone else opens its files; nil opens them in `directory`. It is not part of the model's value.
    package var openedExternalData: ExternalDataDirectory?

    package private(set) var hasGraph: Bool
    var deviceConfigurations: [Onnx_DeviceConfigurationProto] = []
    var unknownFields = UnknownStorage()

    package init(irVersion: Int64 = 10, operatorSets: [OperatorSet], graph: Graph) {
        self.operatorSets = operatorSets
        self.graph = graph
        hasGraph = true
        self.irVersion = irVersion
    }

    init(operatorSets: [OperatorSet], graph: Graph?) {
        self.operatorSets = operatorSets
        self.graph = graph ?? Graph()
        hasGraph = graph != nil
    }

    /// Returns the version imported of a domain; `nil` where it is not imported.
    package func operatorSetVersion(_ domain: String = "") -> Int64? { operatorSets.version(of: domain) }

    /// Calls `body` with every node of the graph, its subgraphs, the functions and the training graphs.
    package func forEachNode<Failure: Error>(_ body: (Node) throws(Failure) -> Void) throws(Failure) {
        try graph.forEachNode(body)
        for function in functions { try function.body.forEachNode(body) }
        for training in trainingInfo {
            try training.initialization?.forEachNode(body)
            try training.algorithm?.forEachNode(body)
        }
    }
}

extension Model: Equatable {
    /// Compares field by field, including presence and unknown fields; `directory` is not compared.
    package static func == (left: Model, right: Model) -> Bool {
        left.$irVersion == right.$irVersion && left.operatorSets == right.operatorSets && left.$producerName == right.$producerName
            && left.$producerVersion == right.$producerVersion && left.$domain == right.$domain
            && left.$modelVersion == right.$modelVersion && left.$docString == right.$docString && left.hasGraph == right.hasGraph
            && left.graph == right.graph && left.metadata == right.metadata && left.functions == right.functions
            && left.trainingInfo == right.trainingInfo && left.deviceConfigurations == right.deviceConfigurations
            && left.unknownFields == right.unknownFields
    }
}

/// Holds graphs of the frozen ONNX training extension, which are kept but never run.
package struct TrainingInfo: Sendable, Equatable {
    package var initialization: Graph?
    package var algorithm: Graph?
    package var initializationBinding = Metadata()
    package var updateBinding = Metadata()
    var unknownFields = UnknownStorage()

    package init(initialization: Graph? = nil, algorithm: Graph? = nil) {
        self.initialization = initialization
        self.algorithm = algorithm
    }
}
