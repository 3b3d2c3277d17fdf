import Engine
package import FileSystem
package import Machine
package import ONNX
package import Recipes
package import TrainingGraph

/// Improves a model by gradient descent on labelled rows: `M_optimized = M - eta * grad L`, as often as the recipe says.
///
/// The result is the model that was given, with other values in its trained initializers and nothing else changed. The same model, files,
/// recipe, gate and machine give the same bytes, however often the process was killed and the run taken up again in the same `folder`.
package struct FineTuning: Sendable {
    /// The float model to train, with its external data (`Model.externalData`).
    package var model: Model
    /// The adapter that the model has already; training starts from both.
    package var adapter: LowRankAdapter?
    package var data: LabelledData
    package var recipe: GradientDescent
    /// The gate, whose metric says which epoch is the best. The model as it was given is not one of them.
    package var gate: Gate
    /// The metrics to measure in addition to that of the gate.
    package var alsoMeasured: [Metric] = []
    package var threads: Int
    /// A checkpoint is written at the end of each epoch, and whenever this many steps have passed since the last one.
    package var checkpointSteps = 1000
    /// The machine that executes the run. It does not go on from a checkpoint of another machine.
    package var machine = ONNXRuntime.machine
    /// The folder of this run, for packed rows and checkpoints. The code that made it removes it once the outcome is durable.
    package var folder: any GivenFolder

    package init(
        model: Model, adapter: LowRankAdapter? = nil, data: LabelledData, recipe: GradientDescent, gate: Gate = Gate(rowsAtLeast: 1),
        threads: Int = 1, folder: any GivenFolder
    ) {
        self.model = model
        self.adapter = adapter
        self.data = data
        self.recipe = recipe
        self.gate = gate
        self.threads = threads
        self.folder = folder
    }

    /// Tells whether trained adapters become part of the model's weights; otherwise they are an outcome of their own.
    package var mergesAdapters: Bool { recipe.adapters?.merge ?? true }

    package struct Outcome: Sendable {
        /// The model of the best epoch, which may be worse than the given one: a gate decides whether it is taken. Where adapters are not
        /// merged, it is the given model.
        package var model: Model
        /// The adapter of the best epoch, where adapters are not merged: the outcome is it together with `model`. It continues an adapter
        /// that the run was given; a given one of another rank or on other weights was merged into `model` first.
        package var adapter: LowRankAdapter?
        /// Tells whether `model` is bit by bit the one that was given.
        package var isModelAsGiven: Bool
        package var history: [EpochRecord]
        /// The epoch that is kept, from 1; without validation the last one. It is 0, and the model is the given one, where the metric was
        /// never finite.
        package var bestEpoch: Int
        package var stoppedEarly: Bool
        /// The metrics of the given model and of the new one on the same held-out rows; empty without validation.
        package var before: [Metric: Double]
        package var after: [Metric: Double]
        package var trainingRows: Int
        package var validationRows: Int
        /// The number of rows that a later file has again, by their key, and that do not count.
        package var supersededRows: Int
        /// The number of rows without a label, which do not count.
        package var unlabelledRows: Int
        package var steps: Int
        /// The columns that each input took, in order.
        package var columns: [String: [String]]
        package var trained: [String]
        /// The float initializers that stay unchanged, with the reason.
        package var untrained: [String: String]
        /// Maps each node whose gradient has several forms to the form that was chosen.
        package var gradientForms: [String: String]
        /// The step at which this attempt resumed an earlier one; 0 if it started from the beginning.
        package var resumedAt: Int
        /// The number of shares of batches that others have computed; nil where batches were whole.
        package var helpedShares: Int?
        /// The engine of the steps, where the recipe leaves that open; nil otherwise.
        package var engine: StepEngine?
    }

    /// Trains on the calling thread (and the engine's), and reports progress.
    package func run(_ control: TrainingControl = TrainingControl()) throws(TrainingError) -> Outcome {
        var run = TrainingRun(self, control)
        return try run.outcome()
    }
}
