import Recipes

/// Describes one step of a pipeline. It is Codable, so that an attempt's spec can carry it.
package enum Stage: Sendable, Equatable, Codable {
    case deserialize(DeserializeStage)
    case optimize(OptimizeStage)
    case deploy(DeploymentStage)
    case forward(ForwardStage)
}

/// Describes the stage that parses and checks a model, and refuses what is unsafe.
package struct DeserializeStage: Sendable, Equatable, Codable {
    package init() {}
}

package struct ForwardStage: Sendable, Equatable, Codable {
    package enum BatchSize: Sendable, Equatable, Codable {
        case auto
        case rows(Int)

        /// The number of rows; nil where it is left to the program.
        package var rows: Int? { if case .rows(let rows) = self { rows } else { nil } }
    }

    package let batchSize: BatchSize
    /// The number of threads; nil means the daemon's share of the cores.
    package let threads: Int?
    /// The outputs in the order of output columns; nil means every output of the model, in its order, under its own name.
    package let outputs: [OutputMapping]?

    package init(batchSize: BatchSize = .auto, threads: Int? = nil, outputs: [OutputMapping]? = nil) {
        self.batchSize = batchSize
        self.threads = threads
        self.outputs = outputs
    }
}

/// Says which columns one model output becomes: raw columns, the predicted class, or both.
///
/// `probabilities: p_*` is short for `probabilities: { columns: p_* }`. In `columns` a name without `*` stands for an output of one value
/// per row. A `*` stands for each element of a row: the name of the class where a row has as many elements as `schema.classes` has names,
/// the map's key where the output is a sequence of maps (ZipMap), the position from 0 otherwise. `class: NAME` adds a column with the name,
/// from `schema.classes`, of the greatest element, `argmax: NAME` one with its position (int64); ties go to the lower position. Without
/// `columns` the raw values do not land, unless only `batch_axis` is given for the output: then its columns have the output's own name.
package struct OutputMapping: Sendable, Equatable, Codable {
    /// The model output's name.
    package let output: String
    package let columns: String?
    package let classColumn: String?
    package let argmaxColumn: String?
    /// The axis on which the model gives the rows; nil means the first.
    package let batchAxis: Int?

    package init(output: String, columns: String? = nil, classColumn: String? = nil, argmaxColumn: String? = nil, batchAxis: Int? = nil) {
        self.output = output
        self.columns = columns
        self.classColumn = classColumn
        self.argmaxColumn = argmaxColumn
        self.batchAxis = batchAxis
    }
}
