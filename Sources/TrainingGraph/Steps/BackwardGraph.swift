package import Autodiff
package import ONNX
import Passes
package import Recipes
import Tensors

/// Holds the gradients of a model as one ONNX graph, without an update: of a loss, or of the outputs times given cotangents (a
/// vector-Jacobian product).
///
/// `model` has the inputs of the original model, and target and sample weight, or the cotangents. Its outputs are loss and loss weight, if
/// there is a loss, and the gradients. Dropout and BatchNormalization work as in inference: these are the gradients of the function that is
/// deployed.
package struct BackwardGraph: Sendable {
    package let model: Model
    package let target: StepGraph.Target?
    /// The values that the loss reads; empty without a loss, and if the model computes its own loss.
    package let scores: [StepGraph.Scores]
    /// The class names, as in `StepGraph.classes`.
    package let classes: [StepGraph.ClassLabel]?
    package let sampleWeight: String?
    package let loss: String?
    package let lossWeight: String?
    /// Maps each output to the input that takes its cotangent. The cotangent has the type and shape of the output, or, for an output of
    /// maps, of the tensor that it is made of.
    package let cotangents: [String: String]
    /// Maps each initializer or input that has a gradient to the output that gives it, which has the same type and shape.
    package let gradients: [String: String]
    package let untrained: [StepGraph.Untrained]

    /// Builds the gradient of a loss by every initializer that has one, and with `inputs` also by the float inputs of the model.
    package init(_ model: Model, loss: Loss, outputs: [String] = [], inputs: Bool = false) throws(AutodiffError) {
        var graph = try model.inTrainingForm()
        let own = graph.graph.initializers, ownInputs = graph.graph.requiredInputs
        let loss = try LossGraph.append(to: &graph, loss, outputs: outputs)
        graph.keepOnly(outputs: [loss.mean, loss.reportedMean, loss.reportedWeight].map { Value($0, nil) })
        try self.init(
            graph, own: own, refused: ParameterHomes(model).refused, inputs: inputs ? ownInputs : [], loss: loss, cotangents: [:],
            seeds: [:])
    }

    /// Builds the vector-Jacobian product for cotangents of `outputs`, which are inputs of the graph.
    package init(_ model: Model, cotangentsOf outputs: [String], inputs: Bool = false) throws(AutodiffError) {
        var graph = try model.inTrainingForm()
        let own = graph.graph.initializers, ownInputs = graph.graph.requiredInputs
        var names = graph.graph.index
        var cotangents: [String: String] = [:], seeds: [String: String] = [:]
        let types: InferredTypes
        do { types = try graph.inferTypes() } catch { throw .invalid(place: "the model", reason: "\(error)") }
        for output in outputs {
            guard graph.graph.outputs.contains(where: { $0.name == output }) else {
                throw .invalid(
                    place: "cotangent '\(output)'",
                    reason: "the model has no such output; it has \(graph.graph.outputs.map(\.name).joined(separator: ", "))")
            }
            let value = graph.graph.numbers(behind: output)
            guard let type = types[value] ?? graph.graph.outputs.first(where: { $0.name == output })?.type,
                type.elementType?.isFloatingPoint ?? false
            else {
                throw .invalid(place: "output '\(output)'", reason: "it is no floating point tensor, and has no cotangent")
            }
            let name = names.freshName("cotangent/" + output)
            cotangents[output] = name
            seeds[value] = name
            graph.graph.inputs.append(Value(name, type))
        }
        graph.keepOnly(outputs: seeds.keys.sorted().map { Value($0, nil) })
        try self.init(
            graph, own: own, refused: ParameterHomes(model).refused, inputs: inputs ? ownInputs : [], loss: nil, cotangents: cotangents,
            seeds: seeds)
    }

    private init(
        _ start: Model, own: [StoredTensor], refused: [ParameterHomes.Refused], inputs: [Value], loss: LossGraph?,
        cotangents: [String: String], seeds: [String: String]
    ) throws(AutodiffError) {
        var graph = start
        DropoutMasks.deactivate(in: &graph)
        let floats = inputs.filter { $0.type?.elementType.map { $0 == .float32 || $0 == .float64 } ?? false }.map(\.name)
        var trainables = try Trainables(graph, own: own, refused: refused, recipe: nil)
        let wanted = trainables.names + floats
        let gradients =
            loss.map { loss in Result { () throws(AutodiffError) in try ReverseMode.append(to: &graph, loss: loss.mean, for: wanted) } }
            ?? Result { () throws(AutodiffError) in try ReverseMode.append(to: &graph, seeds: seeds, for: wanted) }
        let made = try gradients.get()
        try trainables.keep { made[$0] != nil }
        let types: InferredTypes
        do { types = try graph.inferTypes() } catch { throw .invalid(place: "the gradient graph", reason: "\(error)") }
        var named: [String: String] = [:]
        var names = graph.graph.index
        var outputs: [Value] = []
        if let loss { outputs = [loss.reportedMean, loss.reportedWeight].map { Value($0, .tensor(.float32, [])) } }
        for name in wanted {
            guard let gradient = made[name] else { continue }
            // Two values may have the same gradient, and the gradient of an input may be an input.
            let output = names.freshName("gradient/" + name)
            graph.graph.nodes.append(Node("Identity", [gradient], [output]))
            named[name] = output
            outputs.append(Value(output, types[name]))
        }
        graph.keepOnly(outputs: outputs)
        model = try graph.withoutExternalData()
        target = loss?.target
        scores = loss?.scores ?? []
        classes = loss?.classes
        sampleWeight = loss?.sampleWeight
        self.loss = loss?.reportedMean
        lossWeight = loss?.reportedWeight
        self.cotangents = cotangents
        self.gradients = named
        untrained = trainables.untrained
    }
}

extension Graph {
    /// Returns the value that holds an output's numbers: for a ZipMap, which only names them, this is its input.
    package func numbers(behind output: String) -> String {
        guard let node = nodes.first(where: { $0.outputs.contains(output) }), node.operatorType == "ZipMap", let source = node.inputs.first
        else { return output }
        return source
    }
}
