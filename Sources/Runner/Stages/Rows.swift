import Arrivals
import Attempts
import Columnar
import Engine
import Machine
import Names
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import Tensors

/// Opens a data file as rows for one model: binding, batch size and the engine's memory agree with each other.
struct Rows {
    private let batches: any InputBatches
    private let admission: Admission
    private let run: RowRun
    /// The bound memory; nil where inputs have open axes after the rows, whose extents only the columns give, or where the rows are not the
    /// first axis everywhere.
    private let bound: BoundSession?
    private let grouped: GroupedRows
    private let evidence: GatheredEvidence
    private let demandsEvidence: Bool
    private let file: String
    /// The input, which stays open as long as rows are read from it.
    private let input: OpenedInput

    var keptFields: [Field] { batches.keptFields }
    var columnsInFileOrder: [String: [String]] { batches.columnsInFileOrder }
    var boundColumns: NameMap<[String]> { batches.boundColumns }
    /// The columns that `privacy` names and that the file does not have.
    var absentColumns: [String] { batches.absentColumns }
    /// The types of kept columns of text, known once rows were read.
    var foundTypes: [String: String] { batches.foundTypes }
    var misfit: KeptMisfit? { batches.misfit }
    /// The names of the outputs that land, in the order in which `next` gives them.
    var outputNames: [String] { admission.outputs.map(\.name) }

    /// - Parameters:
    ///   - stage: the stage, which says which outputs land and how many rows a batch has.
    ///   - pinned: the `columnsInFileOrder` of an earlier file.
    ///   - range: the rows that are read; `known` has what they take from the plan of the whole file.
    ///   - demandsEvidence: whether runs must show which axis of the outputs is the rows even where the model declares it.
    init(
        _ input: OpenedInput, _ model: LoadedModel, _ schema: RowSchema, _ stage: ForwardStage, pinned: [String: [String]] = [:],
        typing: KeptTyping = .asText, range: RowRange = .whole, known: KnownTable = KnownTable(), demandsEvidence: Bool = false
    ) throws(Failure) {
        let session = model.session
        self.input = input
        file = input.path
        evidence = model.evidence
        self.demandsEvidence = demandsEvidence
        do throws(AdmissionRefusal) {
            admission = try Admission(
                inputs: session.inputs, outputs: session.outputs, unranked: model.facts.unranked, schema: schema, mappings: stage.outputs)
        } catch { throw error.failure(at: input.path) }
        run = admission.run(on: session)
        grouped = GroupedRows(
            outputs: admission.outputs.map { GroupedRows.Output(session.outputs[$0.index], axis: $0.mayLackRows ? nil : $0.axis) })
        let wanted = stage.batchSize.rows
        var memory: NameMap<TensorBuffer> = [:]
        let batchRows: Int
        do throws(EngineError) {
            if admission.isPlain {
                let constants = admission.constants.map { (session.inputs[$0.key].name, $0.value.tensor) }
                let plan = try BatchPlan(of: session, constants: NameMap(uniqueKeysWithValues: constants))
                let rowBytes = plan.inputs.reduce(0) { $0 + $1.elementsPerRow * ($1.elementType.bitWidth ?? 128) / 8 }
                let rowElements = plan.inputs.reduce(0) { $0 + $1.elementsPerRow }
                let fitting = Self.batchRows(rowBytes: rowBytes, rowElements: rowElements, fileBytes: input.byteCount)
                let bound = try BoundSession(session, plan: plan, capacity: wanted ?? fitting, outputs: admission.outputs.map(\.name))
                for (position, input) in plan.inputs.enumerated() where input.elementType != .string {
                    memory[input.name] = bound.buffer(position)
                }
                self.bound = bound
                batchRows = bound.capacity
            } else {
                bound = nil
                batchRows = admission.fixedRows ?? wanted ?? 256
            }
        } catch {
            throw Failure(
                .badModel, what: "\(error)", place: input.path, remedy: "Export the model with the batch as its inputs' first axis.")
        }
        do throws(ColumnarError) {
            var options = ReadOptions()
            options.dialect = schema.dialect
            options.descriptor = input.file.rawValue
            options.range = range
            options.known = known
            batches = try openInputs(
                path: input.path, options: options, inputs: admission.inputs.map(\.modelInput),
                rules: schema.inputRules(for: admission, model.facts), schema: schema.tableRule, batchRows: batchRows, memory: memory,
                pinned: pinned, typing: typing,
                lists: ListLimits(
                    places: bound == nil && wanted == nil ? Self.batchPlaces : nil,
                    mixesLengths: grouped.mayMixLengths(of: admission.inputs.map(\.modelInput))))
        } catch {
            throw Failure(reading: error, file: input.path)
        }
    }

    /// Returns how the file can be read in ranges. It must be called before `next`.
    /// - Parameter byteCount: the size of a range; nil takes the usual size for the format.
    func rangePlan(byteCount: Int?) throws(Failure) -> RangePlan {
        do throws(ColumnarError) { return try batches.rangePlan(byteCount: byteCount) } catch { throw Failure(reading: error, file: file) }
    }

    /// Returns the next rows as they go into runs of the model; nil after the last row.
    func nextInputs(
        _ interruption: Interruption, _ phases: inout Phases
    ) throws(Failure) -> (batch: InputBatch, runs: [(rows: [Int], tensors: NameMap<Tensor>)])? {
        try interruption.check()
        let batch: InputBatch?
        do throws(ColumnarError) {
            batch = try phases.time("read") { () throws(ColumnarError) in try batches.next() }
        } catch {
            throw Failure(reading: error, file: file)
        }
        guard let batch else { return nil }
        if batch.groups.isEmpty { return (batch, [(rows: Array(0..<batch.rowCount), tensors: batch.tensors)]) }
        return (batch, batch.groups.map { ($0.rows, $0.tensors) })
    }

    /// Runs the model over the rows that `nextInputs` gave last, for the time that it takes alone. It may be called again.
    func run(
        _ runs: [(rows: [Int], tensors: NameMap<Tensor>)], _ interruption: Interruption, _ phases: inout Phases
    ) throws(Failure) {
        for (rows, tensors) in runs {
            try interruption.check()
            do throws(EngineError) {
                _ = try phases.time("run") { () throws(EngineError) in try run(tensors, rows: rows.count, interruption) }
            } catch { throw Failure(loading: error, place: file) }
        }
    }

    /// Returns the next rows and the model's outputs for them, in the order of the outputs; nil after the last row.
    func next(_ interruption: Interruption, _ phases: inout Phases) throws(Failure) -> (batch: InputBatch, outputs: [OutputValue])? {
        guard let (batch, runs) = try nextInputs(interruption, &phases) else { return nil }
        var results: [[EngineValue]] = []
        for (rows, tensors) in runs {
            try interruption.check()
            do throws(EngineError) {
                results.append(try phases.time("run") { () throws(EngineError) in try run(tensors, rows: rows.count, interruption) })
            } catch {
                try interruption.check()
                if case .noBatchAxis = error, let refusal = contradiction(tensors, rows.count, nil, interruption) {
                    throw refusal.failure(at: file)
                }
                let numbers = (rows.min() ?? 0, rows.max() ?? 0)
                let which = numbers.1 - numbers.0 == rows.count - 1 ? "rows" : "\(rows.count) of the rows"
                throw Failure(
                    .badInput, what: "\(which) \(batch.firstRow + numbers.0) to \(batch.firstRow + numbers.1): \(error)", place: file,
                    remedy: "Look at those rows; if they are right, the model is not.")
            }
            if let refusal = contradiction(tensors, rows.count, results.last, interruption) { throw refusal.failure(at: file) }
        }
        do throws(ColumnarError) {
            if !batch.groups.isEmpty { return (batch, try grouped.merged(results, batch, listAxes: batches.listAxes.names)) }
            var outputs: [OutputValue] = []
            for (output, value) in zip(grouped.outputs, results[0]) { outputs.append(try OutputValue(output.name, value)) }
            return (batch, outputs)
        } catch {
            throw Failure(writing: error, file: file)
        }
    }

    /// The number of rows of every run, where the model fixes it.
    var fixedRows: Int? { admission.fixedRows }

    /// Returns how the model is run so that it gives these outputs, of which no axis is known to be the rows.
    func run(for outputs: [String], of session: Session) -> RowRun {
        let indices = outputs.compactMap { try? session.outputIndex($0) }
        return RowRun(
            session, inputAxes: run.inputAxes, constants: run.constants, outputs: indices.map { ($0, 0) }, fixedRows: run.fixedRows)
    }

    /// Returns the model's outputs for one row of zeros and empty texts, as `next` gives them; nil where it takes no such row.
    func outputsOfMadeUpRow(_ interruption: Interruption, _ phases: inout Phases) -> [OutputValue]? {
        var tensors: NameMap<Tensor> = [:]
        for input in admission.inputs.map(\.modelInput) {
            // An open axis is as wide as the columns that it takes, as far as they are known.
            var open = max(boundColumns[input.name]?.count ?? 1, 1)
            let inner = input.dimensions.dropFirst().map { extent -> Int in
                if let extent { return extent }
                defer { open = 1 }
                return open
            }
            let shape = Shape((input.dimensions.isEmpty ? [] : [1]) + inner)
            let count = inner.reduce(1, *)
            tensors[input.name] =
                input.elementType == .string
                ? Tensor(strings: Array(repeating: "", count: count), shape: shape) : Tensor(zeros: input.elementType, shape: shape)
        }
        if let bound {
            for (position, input) in bound.plan.inputs.enumerated() where input.elementType != .string {
                bound.buffer(position).mutableBytes.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
        guard let values = try? phases.time("run", { () throws(EngineError) in try run(tensors, rows: 1, interruption) })
        else { return nil }
        return try? zip(grouped.outputs, values).map { output, value in try OutputValue(output.name, value) }
    }

    /// Returns what these rows prove against the axes of `outputs`, which are nil if the run failed. An output that has as many elements as
    /// there are rows proves nothing: the model is run once more, on two and three of the rows, where its declaration says too little or
    /// another axis has as many elements.
    private func contradiction(
        _ tensors: NameMap<Tensor>, _ rows: Int, _ outputs: [EngineValue]?, _ interruption: Interruption
    ) -> AdmissionRefusal? {
        guard !evidence.hasShown(admission.outputs), rows > 0 else { return nil }
        let isClear = admission.fixedRows != nil || admission.outputs.allSatisfy(\.isSettled) && !demandsEvidence
        if isClear, let outputs, !outputs.contains(where: { $0.tensor?.shape.dimensions.dropFirst().contains(rows) ?? false }) {
            return nil
        }
        let problems: [AdmissionProblem]
        do throws(EngineError) {
            problems = try RowEvidence(admission: admission, run: run).find(tensors, cancellation: interruption.engine).problems
        } catch {
            // A model that does not run on another number of rows proves nothing.
            problems = []
        }
        if problems.isEmpty, !interruption.isEnded { evidence.add(admission.outputs) }
        return problems.isEmpty ? nil : AdmissionRefusal(problems: problems)
    }

    private func run(_ tensors: NameMap<Tensor>, rows: Int, _ interruption: Interruption) throws(EngineError) -> [EngineValue] {
        guard let bound else { return try run.run(tensors, rows: rows, cancellation: interruption.engine) }
        for (position, input) in bound.plan.inputs.enumerated() where input.elementType == .string {
            bound.setStrings(tensors[input.name]?.strings ?? [], position)
        }
        return try bound.run(rows: rows, cancellation: interruption.engine)
    }

    /// The largest number of places along open axes in one run: 16 rows of 512 tokens. The model's memory for each place may be a thousand
    /// times as large.
    private static let batchPlaces = 8192

    /// Returns the number of rows in a batch, which is about half a mebibyte of input: with what the model makes of it, it stays in the
    /// caches, and it is large enough that the calls cost little. Large rows go together up to 4 MiB and 32 rows. A small file gets no room
    /// for more rows than it can well have, since touching memory costs more than scoring ten rows; if it has more, there are more batches.
    private static func batchRows(rowBytes: Int, rowElements: Int, fileBytes: Int) -> Int {
        let rowBytes = max(rowBytes, 1)
        let large = min(max((512 << 10) / rowBytes, min((4 << 20) / rowBytes, 32), 1), 16_384)
        return min(large, max(fileBytes / max(rowElements, 1), 64))
    }
}

/// Measures the seconds of each phase of one attempt.
struct Phases {
    private(set) var seconds: [String: Double] = [:]
    /// The seconds of processor time of the whole process in each phase; empty unless they are counted.
    private(set) var processorSeconds: [String: Double] = [:]
    private let countsProcessor: Bool

    init(countsProcessor: Bool = false) { self.countsProcessor = countsProcessor }

    mutating func add(_ other: Phases) {
        seconds.merge(other.seconds) { $0 + $1 }
        processorSeconds.merge(other.processorSeconds) { $0 + $1 }
    }

    mutating func time<Result, E: Error>(_ phase: String, _ body: () throws(E) -> Result) throws(E) -> Result {
        let start = ContinuousClock.now
        let used = countsProcessor ? ProcessUsage.processorSeconds : 0
        defer {
            seconds[phase, default: 0] += (ContinuousClock.now - start).seconds
            if countsProcessor { processorSeconds[phase, default: 0] += ProcessUsage.processorSeconds - used }
        }
        return try body()
    }
}
