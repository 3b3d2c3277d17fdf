package import Machine
package import Recipes

extension AttemptSpec {
    /// Says what is measured of a model: how fast it scores rows in the way that the spec says (engine, precision, threads, batch size), or
    /// how far its outputs are from those of the model as it was published.
    package struct MeasuredFiles: Codable, Sendable {
        /// Says what one attempt finds out.
        package enum Question: Codable, Sendable, Hashable {
            /// Tells which engines there are, and loads no model.
            case machines
            /// Scores the rows once and writes the outputs, with which others are compared.
            case reference
            /// Scores the rows once and compares the outputs with those that were written.
            case agreement
            /// Measures the metric of the gate on the labelled rows: on `rows` of them, or on as many as there are, but for no more
            /// than about `seconds`. The model as it was published is asked first.
            case metric(rows: Int?, seconds: Double?)
            /// Scores rows for about as many seconds, and counts them.
            case speed(seconds: Double)
        }

        package var model: InputFile
        package var adapter: String?
        /// The rows; nil where the model is run on made-up ones.
        package var data: InputFile?
        /// Older files, the newest first, whose rows follow those of `data` where these are too few.
        package var older: [InputFile] = []
        /// The number of rows that are used, from the first on.
        package var rows: Int
        /// The path of the folder with the outputs to compare with.
        package var reference: String
        package var question: Question
        /// The labelled rows on which a metric is measured; nil where none are known.
        package var judged: JudgedFiles?

        package init(
            model: InputFile, adapter: String? = nil, data: InputFile?, rows: Int, reference: String, question: Question = .reference
        ) {
            self.model = model
            self.adapter = adapter
            self.data = data
            self.rows = rows
            self.reference = reference
            self.question = question
        }
    }
}

/// Names the labelled rows on which a metric is measured, and says how they are read.
package struct JudgedFiles: Codable, Sendable {
    package struct File: Codable, Sendable {
        package var file: AttemptSpec.InputFile
        /// The path that the file arrived under, whose folders may name columns; nil where it is read there.
        package var arrived: String?

        package init(_ file: AttemptSpec.InputFile, arrived: String? = nil) {
            self.file = file
            self.arrived = arrived
        }
    }

    /// The files, in the order in which they count.
    package var files: [File]
    package var schema: RowSchema
    /// The loss that says what the outputs mean; nil takes the first that fits the metric and the model.
    package var loss: Loss?
    /// The outputs that are compared with the labels; if empty, the only ones that can be meant.
    package var outputs: [String]
    /// The share of rows that no training sees, by a hash of their key with the seed: those are used.
    package var share: Double
    package var seed: Int
    package var gate: MetricGate

    package init(
        files: [File], schema: RowSchema, loss: Loss?, outputs: [String], share: Double, seed: Int, gate: MetricGate
    ) {
        self.files = files
        self.schema = schema
        self.loss = loss
        self.outputs = outputs
        self.share = share
        self.seed = seed
        self.gate = gate
    }

    /// The digests of the files.
    package var digests: [String] { files.map(\.file.digest) }
}

/// Holds the value of a metric, and the number of rows on which it was measured.
package struct MetricFinding: Codable, Sendable, Hashable {
    package var value: Double
    package var rows: Int

    package init(value: Double, rows: Int) {
        self.value = value
        self.rows = rows
    }
}

/// Holds what one measuring attempt found.
package struct Measurement: Codable, Sendable, Hashable {
    /// The number of rows that were scored.
    package var rows: Int
    /// The seconds that the model ran, on the clock.
    package var seconds: Double
    /// The seconds of processor time that the process used while the model ran.
    package var processorSeconds: Double
    /// The seconds of processor time that the process used for the attempt, with all that it did before and beside running the model.
    package var attemptProcessorSeconds: Double
    /// The most memory that the process has had so far, in bytes.
    package var peakBytes: Int64
    /// How far the outputs are from those that they were compared with, by output; empty where nothing was compared.
    package var agreement: [OutputAgreement]
    /// The metric on labelled rows; nil unless that was asked for.
    package var metric: MetricFinding?
    /// The machine, once for each engine; empty unless that was asked for.
    package var machines: [AttemptMachine] = []

    package init(
        rows: Int, seconds: Double, processorSeconds: Double, peakBytes: Int64, agreement: [OutputAgreement] = [],
        attemptProcessorSeconds: Double? = nil
    ) {
        self.attemptProcessorSeconds = attemptProcessorSeconds ?? processorSeconds
        self.rows = rows
        self.seconds = seconds
        self.processorSeconds = processorSeconds
        self.peakBytes = peakBytes
        self.agreement = agreement
    }
}

/// Tells how far one output of a model is from the same output of the model that it is compared with.
package struct OutputAgreement: Codable, Sendable, Hashable {
    package var output: String
    package var rows: Int
    /// The cosine between all values of the two outputs, taken as one vector each; 1 where both are zero. Nil for outputs that are no
    /// floating-point numbers.
    package var cosine: Double?
    /// The L2 norm of the difference by that of the original; nil as above.
    package var relativeError: Double?
    /// The share of rows whose greatest value stands in the same column, or, for outputs that are no floating-point numbers, that are
    /// equal; nil where a row has one floating-point number, or is no list of scores.
    package var sameTop: Double?
    /// The number of values that are not finite in one of the two and something else in the other.
    package var nonFinite: Int

    package init(output: String, rows: Int, cosine: Double?, relativeError: Double?, sameTop: Double?, nonFinite: Int) {
        self.output = output
        self.rows = rows
        self.cosine = cosine
        self.relativeError = relativeError
        self.sameTop = sameTop
        self.nonFinite = nonFinite
    }
}
