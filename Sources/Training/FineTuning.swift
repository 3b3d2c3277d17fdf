import Engine
package import Machine
package import ONNX
package import Recipes
package import TrainingGraph

/// A model made better by gradient descent on labelled rows: `M_optimized = M - eta * grad L`, as often as the recipe says.
///
/// The result is the model that was given, with other values in its trained initializers and nothing else changed. The same model, files,
/// recipe, gate and machine give the same bytes, however often the process was killed and the run taken up again in the same `directory`.
package struct FineTuning: Sendable {
    /// The float model to train. Its external data must be within it or in its directory (`Model.directory`).
    package var model: Model
    /// The adapter that the model has already; training starts from both.
    package var adapter: LowRankAdapter?
    package var data: LabelledData
    package var recipe: GradientDescent
    /// Its metric says which epoch is the best, the model as it was given not being one of them.
    package var gate: Gate
    /// The metrics to measure in addition to that of the gate.
    package var alsoMeasured: [Metric] = []
    package var threads: Int
    /// A checkpoint is written at the end of each epoch, and whenever this many steps have passed since the last one.
    package var checkpointSteps = 1000
    /// What the run is executed on. A checkpoint of another machine is not gone on from.
    package var machine = ONNXRuntime.machine
    /// A folder of this run's own, which exists: packed rows and checkpoints. Whoever made it removes it once the outcome is safe.
    package var directory: String

    package init(
        model: Model, adapter: LowRankAdapter? = nil, data: LabelledData, recipe: GradientDescent, gate: Gate = Gate(rowsAtLeast: 1),
        threads: Int = 1, directory: String
    ) {
        self.model = model
        self.adapter = adapter
        self.data = data
        self.recipe = recipe
        self.gate = gate
        self.threads = threads
        self.directory = directory
    }

    /// Whether trained adapters become part of the model's weights; otherwise they are an outcome of their own.
    package var mergesAdapters: Bool { recipe.adapters?.merge ?? true }

    package struct Outcome: Sendable {
        /// That of the best epoch, which may be worse than the given one: whether it is taken is for a gate to say. The given one where
        /// adapters are not merged.
        package var model: Model
        /// That of the best epoch, where adapters are not merged: together with `model` it is the outcome. What the run was given goes on
        /// in it; of another rank or on other weights it was merged into `model` first.
        package var adapter: LowRankAdapter?
        /// Whether `model` is bit by bit the one that was given.
        package var isModelAsGiven: Bool
        package var history: [EpochRecord]
        /// The epoch that is kept, from 1; without validation the last. 0, and the model as it was given, where the metric was never
        /// finite.
        package var bestEpoch: Int
        package var stoppedEarly: Bool
        /// The metrics of the given model and of the new one on the same held-out rows; empty without validation.
        package var before: [Metric: Double]
        package var after: [Metric: Double]
        package var trainingRows: Int
        package var validationRows: Int
        /// Rows that a later file has again, by their key, and that do not count.
        package var supersededRows: Int
        /// The number of rows without a label, which do not count.
        package var unlabelledRows: Int
        package var steps: Int
        /// The columns that each input took, in order.
        package var columns: [String: [String]]
        package var trained: [String]
        /// The float initializers that stay as they are, and why.
        package var untrained: [String: String]
        /// Maps each node whose gradient has several forms to the form that was chosen.
        package var gradientForms: [String: String]
        /// The step at which this attempt resumed an earlier one; 0 if it started from the beginning.
        package var resumedAt: Int
    }

    /// Trains on the calling thread (and the engine's), reporting as it goes.
    package func run(_ control: TrainingControl = TrainingControl()) throws(TrainingError) -> Outcome {
        var run = TrainingRun(self, control)
        return try run.outcome()
    }
}
