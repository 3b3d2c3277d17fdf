package import FileSystem
package import Recipes

/// Reports what the optimize stage did, for the card.
package struct TrainingReport: Codable, Sendable, Equatable {
    /// Describes a labelled file whose rows could not be used.
    package struct Unusable: Codable, Sendable, Equatable {
        package var arrival: Int64
        package var failure: Failure

        package init(arrival: Int64, failure: Failure) {
            self.arrival = arrival
            self.failure = failure
        }
    }

    /// The reason why the trained model was not taken, so that the model lands as it was; nil where it was taken.
    package var rejection: Failure?
    /// The reason why nothing was trained yet although nothing is wrong with the labels: their rows are kept, and count when more arrive.
    package var wait: Failure?
    package var gate: GateOutcome?
    package var lossPerEpoch: [Double]
    package var trainingData: [TrainingSource]
    package var hyperParameters: [String: JSONValue]
    /// The decisions of the training, such as the form of gradient that was chosen for each kind of node.
    package var decisions: [String: JSONValue]
    package var unusable: [Unusable]

    package init(
        rejection: Failure? = nil, wait: Failure? = nil, gate: GateOutcome? = nil, lossPerEpoch: [Double] = [],
        trainingData: [TrainingSource] = [], hyperParameters: [String: JSONValue] = [:], decisions: [String: JSONValue] = [:],
        unusable: [Unusable] = []
    ) {
        self.rejection = rejection
        self.wait = wait
        self.gate = gate
        self.lossPerEpoch = lossPerEpoch
        self.trainingData = trainingData
        self.hyperParameters = hyperParameters
        self.decisions = decisions
        self.unusable = unusable
    }
}
