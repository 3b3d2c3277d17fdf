import Arrivals
import Attempts
import Columnar
import Engine
import FileSystem
import Foundation
import PipelineConfig
import Reasons
import Recipes

/// Executes the forward stage: `Y = forward(X, M)` over the rows of one file, batch by batch, into one output file.
struct ForwardPass {
    private let tools: AttemptTools
    private let files: AttemptSpec.ScoringFiles
    private let stage: ForwardStage

    init(_ tools: AttemptTools, _ files: AttemptSpec.ScoringFiles, _ stage: ForwardStage) {
        self.tools = tools
        self.files = files
        self.stage = stage
    }

    func run(_ result: inout AttemptResult) throws(Failure) {
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        let loaded = try phases.time("load") { () throws(Failure) in
            try tools.models.load(files.model, tools.opener.model(of: files), tools.spec.sessionOptions, tools.interruption)
        }
        FaultPoint.reach(.workerLoaded)
        let input = try phases.time("read") { () throws(Failure) in
            try OpenedInput(files.data, as: .data, tools.interruption.control.data, from: tools.opener)
        }
        FaultPoint.reach(.workerOpened)
        let output = AttemptOutput(files.output, tools.opener)
        do throws(Failure) {
            var rejected: [String: Set<KeptType>] = [:]
            // Where a later row contradicts the types taken from the first rows, the file is read again; each time fewer types are left.
            while try write(input, loaded, to: output, &rejected, &result, &phases) == nil {}
        } catch {
            // A file that is being rewritten looks like a bad one.
            if error.kind == .badInput { try input.verifyUnchanged() }
            throw error
        }
        FaultPoint.reach(.workerOutput)
        try input.verifyUnchanged()
        result.files = [try phases.time("hash") { () throws(Failure) in try output.written() }]
    }

    /// - Returns: the number of rows; nil where the file must be read again without a type that is now among `rejected`.
    private func write(
        _ data: OpenedInput, _ model: LoadedModel, to output: AttemptOutput, _ rejected: inout [String: Set<KeptType>],
        _ result: inout AttemptResult, _ phases: inout Phases
    ) throws(Failure) -> Int? {
        let typing = KeptTyping.inferred(pinned: tools.spec.types, rejected: rejected)
        let rows = try phases.time("read") { () throws(Failure) in
            try Rows(data, model, tools.spec.schema, stage, pinned: tools.spec.columns, typing: typing)
        }
        let names = rows.outputNames
        let writer = OutputWriter(
            output.target, format: files.format.table,
            columns: OutputColumns(rules: stage.outputColumns, classes: tools.spec.schema.classes),
            metadata: tools.spec.metadata)
        var rowCount = 0
        do throws(Failure) {
            while let (batch, values) = try rows.next(tools.interruption, &phases) {
                do throws(ColumnarError) {
                    try phases.time("write") { () throws(ColumnarError) in
                        try writer.write(
                            kept: batch.kept, outputs: zip(names, values).map { (name: $0, value: $1) }, rowCount: batch.rowCount)
                    }
                } catch {
                    throw Failure(writing: error, file: data.path)
                }
                FaultPoint.reach(.workerBatch)
                rowCount += batch.rowCount
            }
        } catch {
            guard let misfit = rows.misfit else { throw error }
            rejected[misfit.column, default: []].formUnion(misfit.types)
            return nil
        }
        FaultPoint.reach(.workerRows)
        do throws(ColumnarError) {
            if rowCount == 0 {
                let sample = rows.outputsOfMadeUpRow(tools.interruption, &phases)
                try writer.writeNoRows(kept: rows.keptFields, sample: sample.map { zip(names, $0).map { (name: $0, value: $1) } })
            }
            _ = try phases.time("write") { () throws(ColumnarError) in try writer.finish() }
        } catch {
            throw Failure(writing: error, file: data.path)
        }
        // A file without rows pins nothing for those after it.
        result.columns = rowCount == 0 ? [:] : rows.columnsInFileOrder
        result.types = rows.foundTypes
        result.absentColumns = rows.absentColumns
        result.rowCount = Int64(rowCount)
        return rowCount
    }
}

extension AttemptSpec {
    /// The facts that are written into the output's own metadata.
    var metadata: [(key: String, value: String)] { provenance.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) } }
}

extension OutputFormat {
    var table: TableFormat {
        let kind: TableFormat.Kind =
            switch self {
            case .parquet: .parquet
            case .arrow: .arrow
            case .csv: .csv
            case .jsonl: .jsonLines
            case .npy: .npy
            case .npz: .npz
            }
        return TableFormat(kind)
    }
}
