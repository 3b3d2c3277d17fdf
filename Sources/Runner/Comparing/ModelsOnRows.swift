package import Attempts
import Columnar
import Engine
import Names
package import ONNX
import PipelineConfig
import Reasons
import Tensors

/// Runs two models over the same rows, and says how far their outputs are apart and which value in between is the first that differs.
///
/// Outputs are compared on the first rows of the file. Of these, the batch on which they differ most is kept, and values in between are
/// compared on it: some of them at a time, in the order in which the first model makes them, until one differs. So memory holds a few rows.
package struct ModelsOnRows {
    package struct Side: Sendable {
        /// The model, which was checked.
        package let model: Model
        package let path: String

        package init(model: Model, path: String) {
            self.model = model
            self.path = path
        }
    }

    /// The number of rows on which outputs are compared.
    package static let mostRows = 256
    private static let batchRows = 8

    private let sides: (a: Side, b: Side)
    private let spec: AttemptSpec
    private let data: AttemptSpec.InputFile
    private let files: any AttemptFiles
    private let tolerance: Double

    /// - Parameters:
    ///   - spec: the attempt, with the schema of the rows and the outputs of the first model that are wanted.
    ///   - files: opens the rows.
    ///   - tolerance: the relative error above which values differ.
    package init(_ a: Side, _ b: Side, _ spec: AttemptSpec, _ data: AttemptSpec.InputFile, _ files: any AttemptFiles, tolerance: Double) {
        sides = (a, b)
        self.spec = spec
        self.data = data
        self.files = files
        self.tolerance = tolerance
    }

    /// Returns why no row can be given to both models; nil where one can.
    package static func mismatch(_ a: Model, _ b: Model) -> String? {
        let (mine, others) = (a.graph.requiredInputs, b.graph.requiredInputs)
        func words(_ values: [Value]) -> String {
            values.map { "\($0.name): \($0.type?.description ?? "unknown")" }.joined(separator: ", ")
        }
        let isSame =
            mine.count == others.count
            && mine.allSatisfy { input in others.contains { $0.name.isName(input.name) && input.type.accepts($0.type) } }
        if !isSame { return "the models have different inputs (\(words(mine)), and \(words(others))), so that no rows fit both" }
        return commonOutputs(a, b).isEmpty ? "the models have no output of one name" : nil
    }

    private static func commonOutputs(_ a: Model, _ b: Model) -> [String] {
        let names = NameSet(b.graph.outputs.map(\.name))
        return a.graph.outputs.map(\.name).filter { names.contains($0) }
    }

    package func run(_ cancellation: AttemptCancellation) throws(Failure) -> RowsComparison {
        let interruption = try Interruption(spec, AttemptControl(cancellation))
        var result: RowsComparison?
        try interruption.watch { () throws(Failure) in result = try run(interruption) }
        guard let result else { throw .cancelled(spec, by: .takenBack) }
        return result
    }

    private func run(_ interruption: Interruption) throws(Failure) -> RowsComparison {
        let compared = try outputs(interruption)
        // The sessions of the whole models are gone by now.
        let search = PartingSearch(
            [sides.a, sides.b], kept: compared.worst, tolerance: tolerance, threads: spec.limits.threads, interruption)
        return RowsComparison(rows: compared.rows, tolerance: tolerance, outputs: compared.outputs, parting: try search.run())
    }

    /// Compares the outputs, and keeps the rows on which they differ most.
    private func outputs(
        _ interruption: Interruption
    ) throws(Failure) -> (rows: Int, outputs: [RowsComparison.Output], worst: KeptRows) {
        let models = (a: try loaded(sides.a), b: try loaded(sides.b))
        let rows = try rows(models.a, models.b, rowsAtOnce: Self.batchRows)
        let inputs = rows.a.run(for: [], of: models.a.session)
        var phases = Phases()
        var meters = rows.a.outputNames.map { DistanceMeter($0) }
        var count = 0
        var worst: KeptRows?
        while count < Self.mostRows, let (batch, values) = try rows.a.next(interruption, &phases) {
            let second = try onSecond { () throws(Failure) in try rows.b.next(interruption, &phases) }
            guard let (otherBatch, others) = second, otherBatch.rowCount == batch.rowCount else {
                throw Failure(
                    .badModel, what: "the models take the rows in batches of other sizes, since the shapes of their inputs differ",
                    place: sides.b.path, remedy: "Compare models whose inputs have the same shapes.")
            }
            var error = 0.0
            for (index, name) in rows.a.outputNames.enumerated() {
                var meter = DistanceMeter(name)
                meter.add(values[index], others[index], rows: batch.rowCount)
                error = max(error, meter.distance.error)
                meters[index].add(values[index], others[index], rows: batch.rowCount)
            }
            if worst.map({ error > $0.error }) ?? true {
                do throws(EngineError) { worst = try KeptRows(batch, inputs, error) } catch {
                    throw Failure(loading: error, place: sides.a.path)
                }
            }
            count += batch.rowCount
        }
        guard let worst else {
            throw Failure(
                .badInput, what: "there are no rows, so that nothing can be compared", place: data.path, remedy: "Give a file with rows.")
        }
        return (count, zip(rows.a.outputNames, meters).map { .init(name: $0, distance: $1.distance) }, worst)
    }

    /// Returns the stage for both models: small batches, and the outputs that both have.
    private func stage(rowsAtOnce: Int) throws(Failure) -> ForwardStage {
        let wanted = spec.forward?.outputs
        let common = NameSet(Self.commonOutputs(sides.a.model, sides.b.model))
        let outputs = (wanted ?? sides.a.model.graph.outputs.map { OutputMapping(output: $0.name) }).filter { common.contains($0.output) }
        if outputs.isEmpty {
            throw Failure(
                .badModel, what: "the model has none of the outputs that are asked for", place: sides.b.path,
                remedy: "Name outputs that both models have.")
        }
        return ForwardStage(batchSize: .rows(rowsAtOnce), threads: spec.limits.threads, outputs: outputs)
    }

    private func loaded(_ side: Side) throws(Failure) -> LoadedModel {
        let options = spec.sessionOptions
        return LoadedModel(
            session: try side.model.session(options, path: side.path), facts: ModelFacts(side.model), evidence: GatheredEvidence(),
            key: SessionCache.Key(digest: side.path, options: options))
    }

    /// Opens the rows for both models, as many at a time as one of them may fix.
    private func rows(_ a: LoadedModel, _ b: LoadedModel, rowsAtOnce: Int) throws(Failure) -> (a: Rows, b: Rows) {
        let stage = try stage(rowsAtOnce: rowsAtOnce)
        let first = try Rows(try OpenedInput(data, as: .data, from: files), a, spec.schema, stage)
        let second = try onSecond { () throws(Failure) in
            try Rows(try OpenedInput(data, as: .data, from: files), b, spec.schema, stage)
        }
        guard let fixed = first.fixedRows ?? second.fixedRows, fixed != rowsAtOnce else { return (first, second) }
        return try rows(a, b, rowsAtOnce: fixed)
    }

    /// Executes what the second model does with rows that fit the first one.
    private func onSecond<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        do throws(Failure) { return try body() } catch {
            guard error.kind == .badInput || error.kind == .badModel else { throw error }
            throw Failure(
                error.kind, what: "\(error.fullReason) (the rows fit \(sides.a.path), and not \(sides.b.path))", place: sides.b.path,
                remedy: error.remedy)
        }
    }
}

/// Keeps some rows as a model takes them.
struct KeptRows {
    let firstRow: Int
    let rowCount: Int
    /// The inputs of each run.
    let runs: [(rows: Int, inputs: [(name: String, value: EngineValue)])]
    /// The largest error of an output on these rows.
    let error: Double

    /// - Parameter run: a run of the model, which says how rows become inputs.
    init(_ batch: InputBatch, _ run: RowRun, _ error: Double) throws(EngineError) {
        firstRow = batch.firstRow
        rowCount = batch.rowCount
        self.error = error
        var runs: [(rows: Int, inputs: [(name: String, value: EngineValue)])] = []
        for (rows, tensors) in batch.groups.isEmpty ? [(batch.rowCount, batch.tensors)] : batch.groups.map({ ($0.rows.count, $0.tensors) })
        {
            // The memory of a batch is filled again.
            runs.append((rows, try run.inputs(tensors.compactMapValues { ($0.rows(rows) ?? $0).copied }, rows: rows)))
        }
        self.runs = runs
    }
}

extension ValueType? {
    /// Returns whether a tensor can be of both types.
    fileprivate func accepts(_ other: ValueType?) -> Bool {
        guard case .tensor(let type, let dimensions)? = self, case .tensor(let otherType, let others)? = other else { return self == other }
        guard type == otherType else { return false }
        guard let dimensions, let others else { return true }
        return dimensions.count == others.count
            && zip(dimensions, others).allSatisfy { mine, its in
                if case .fixed(let extent) = mine, case .fixed(let itsExtent) = its { return extent == itsExtent }
                return true
            }
    }
}
