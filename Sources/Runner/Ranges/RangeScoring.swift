import Attempts
import Columnar
import PipelineConfig
import Recipes

/// Scores ranges of one file with one model, each into a part.
final class RangeScoring {
    private let spec: AttemptSpec
    private let files: AttemptSpec.ScoringFiles
    private let stage: ForwardStage
    private let model: LoadedModel
    private let known: KnownTable
    private let interruption: Interruption
    /// The number of rows that were scored.
    private(set) var rowCount = 0

    init(
        _ spec: AttemptSpec, _ files: AttemptSpec.ScoringFiles, _ stage: ForwardStage, _ model: LoadedModel, _ known: KnownTable,
        _ interruption: Interruption
    ) {
        self.spec = spec
        self.files = files
        self.stage = stage
        self.model = model
        self.known = known
        self.interruption = interruption
    }

    private var columns: OutputColumns { OutputColumns(rules: stage.outputColumns, classes: spec.schema.classes) }

    /// Returns a writer of the output.
    func writer(of output: AttemptOutput) -> OutputWriter {
        OutputWriter(output.target, format: files.format.table, columns: columns, metadata: spec.metadata)
    }

    /// - Parameters:
    ///   - name: the name that the part has while it is written; nil for the usual one.
    ///   - folder: makes the file of the part.
    func score(
        _ range: RowRange, of input: OpenedInput, intoPart number: Int, as name: String? = nil, of folder: PartsFolder,
        _ phases: inout Phases
    ) throws(Failure) {
        let rows = try phases.time("read") { () throws(Failure) in
            try Rows(
                input, model, spec.schema, stage, pinned: spec.columns, typing: .inferred(pinned: spec.types, rejected: [:]), range: range,
                known: known)
        }
        let (columns, names) = (columns, rows.outputNames)
        let part = try written { () throws(ColumnarError) in try folder.makePart(number, as: name) }
        while let (batch, values) = try rows.next(interruption, &phases) {
            try written { () throws(ColumnarError) in
                try phases.time("write") { () throws(ColumnarError) in
                    try part.write(
                        columns.batch(
                            kept: batch.kept, outputs: zip(names, values).map { (name: $0, value: $1) }, rowCount: batch.rowCount,
                            file: files.output))
                }
            }
            rowCount += batch.rowCount
        }
        try written { () throws(ColumnarError) in _ = try part.finish() }
    }

    private func written<Result>(_ body: () throws(ColumnarError) -> Result) throws(Failure) -> Result {
        do throws(ColumnarError) { return try body() } catch { throw Failure(writing: error, file: files.data.path) }
    }
}
