package import Autodiff
package import ONNX
import Passes
package import Recipes
import Tensors

/// Judges what a model gives by labels: a graph of its own, which takes outputs of the model as they are, and target and row weights, and
/// gives the loss. The outputs may come from the model in any form and on any engine, so that forms of it which have no gradient can be
/// compared with it.
package struct JudgeGraph: Sendable {
    package let model: Model
    /// The outputs of the model that are inputs of this graph, in the order in which the loss reads them.
    package let outputs: [StepGraph.Scores]
    /// The scores that metrics are computed of; other names than those of `outputs` are outputs of this graph.
    package let scores: [StepGraph.Scores]
    package let target: StepGraph.Target
    package let sampleWeight: String?
    /// The weighted mean of the batch, a float32 scalar.
    package let loss: String
    /// The sum of the weights in that mean, a float32 scalar.
    package let lossWeight: String
    /// The class names, as in `StepGraph.classes`.
    package let classes: [StepGraph.ClassLabel]?

    /// - Parameter outputs: the outputs to read; if empty, the model must have just as many floating point outputs as the loss takes.
    /// - Throws: `invalid` if the loss does not fit the outputs, or where the model computes its own loss.
    package init(_ model: Model, loss: Loss, outputs names: [String]) throws(AutodiffError) {
        if case .output = loss { throw refusal(loss, "the model", "it computes its own loss, with labels of its own") }
        let source = try model.inTrainingForm()
        let found: [ScoreFinder.Found]
        do {
            let types = try source.inferTypes()
            found = try ScoreFinder(source, types: types).scores(for: loss, outputs: names).map(\.given)
        } catch let error as AutodiffError { throw error } catch { throw .invalid(place: "the model", reason: "\(error)") }
        let inputs = found.map { Value($0.output, .tensor($0.elementType, $0.dimensions)) }
        var judge = Model(
            operatorSets: [OperatorSet(domain: "", version: RaiseOpset.target)], graph: Graph(name: "judge", inputs: inputs))
        let types: InferredTypes
        do { types = try judge.inferTypes() } catch { throw .invalid(place: "the loss", reason: "\(error)") }
        let made = try LossGraph.append(to: &judge, loss, types, reading: found)
        guard let target = made.target else { throw refusal(loss, "the model", "it reads no labels") }
        let own = Set(found.map(\.output))
        judge.graph.outputs =
            [Value(made.reportedMean, .tensor(.float32, [])), Value(made.reportedWeight, .tensor(.float32, []))]
            + made.scores.filter { !own.contains($0.name) }.map { Value($0.name, .tensor($0.elementType, $0.dimensions)) }
        self.model = judge
        outputs = found.map {
            StepGraph.Scores(name: $0.output, kind: $0.kind, elementType: $0.elementType, dimensions: $0.dimensions, classCount: nil)
        }
        scores = made.scores
        self.target = target
        sampleWeight = made.sampleWeight
        self.loss = made.reportedMean
        lossWeight = made.reportedWeight
        classes = made.classes
    }
}
