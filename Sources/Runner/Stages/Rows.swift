import Columnar
import Engine
import Glibc
import Names
import PipelineConfig
import Tensors

/// A data file opened as rows for one model: binding, batch size and the engine's memory agree with each other.
struct Rows {
    private let batches: any InputBatches
    /// Nil where an input has open axes behind the batch, whose extents only the columns tell.
    private let bound: BoundSession?
    private let session: Session
    private let file: String

    var keptFields: [Field] { batches.keptFields }
    var columnsInFileOrder: [String: [String]] { batches.columnsInFileOrder }

    /// - Parameters:
    ///   - wanted: rows of a batch; nil chooses by the bytes of a row.
    ///   - pinned: an earlier file's `columnsInFileOrder`.
    init(
        _ input: AttemptSpec.InputFile, _ model: LoadedModel, _ schema: Schema, wanted: Int?, pinned: [String: [String]] = [:]
    ) throws(Failure) {
        session = model.session
        file = input.path
        var ports: [InputPort] = []
        for port in session.inputs { ports.append(try Self.port(port, input.path)) }
        let isOpen = ports.contains { $0.dimensions.dropFirst().contains { $0 == nil } }
        var memory: NameMap<TensorBuffer> = [:]
        let batchRows: Int
        do throws(EngineError) {
            if isOpen {
                bound = nil
                batchRows = wanted ?? 256
            } else {
                let plan = try BatchPlan(of: session)
                let rowBytes = plan.inputs.reduce(0) { $0 + $1.elementsPerRow * ($1.elementType.bitWidth ?? 128) / 8 }
                let rowElements = plan.inputs.reduce(0) { $0 + $1.elementsPerRow }
                let fitting = Self.batchRows(rowBytes: rowBytes, rowElements: rowElements, fileBytes: Self.byteCount(input.path))
                let bound = try BoundSession(session, plan: plan, capacity: wanted ?? fitting)
                for (position, input) in plan.inputs.enumerated() where input.elementType != .string {
                    memory[input.name] = bound.buffer(position)
                }
                self.bound = bound
                batchRows = bound.capacity
            }
        } catch {
            throw Failure(.badModel, what: "\(error)", place: input.path, remedy: "Export the model with the batch as its inputs' first axis.")
        }
        do throws(ColumnarError) {
            var options = ReadOptions()
            options.dialect = schema.textDialect
            batches = try openInputs(
                path: input.path, options: options, ports: ports, rules: schema.inputRules(for: model), schema: schema.tableRule,
                batchRows: batchRows, memory: memory, pinned: pinned)
        } catch {
            throw Failure(reading: error, file: input.path)
        }
    }

    /// The next rows and what the model makes of them, in the order of its outputs; nil after the last row.
    func next(_ interruption: Interruption, _ phases: inout Phases) throws(Failure) -> (batch: InputBatch, outputs: [EngineValue])? {
        try interruption.check()
        let batch: InputBatch?
        do throws(ColumnarError) {
            batch = try phases.time("read") { () throws(ColumnarError) in try batches.next() }
        } catch {
            throw Failure(reading: error, file: file)
        }
        guard let batch else { return nil }
        do throws(EngineError) {
            return (batch, try phases.time("run") { () throws(EngineError) in try run(batch, interruption) })
        } catch {
            try interruption.check()
            throw Failure(
                .badInput, what: "rows \(batch.firstRow) to \(batch.firstRow + batch.rowCount - 1): \(error)", place: file,
                remedy: "Look at those rows; if they are right, the model is not.")
        }
    }

    private func run(_ batch: InputBatch, _ interruption: Interruption) throws(EngineError) -> [EngineValue] {
        guard let bound else {
            return try session.run(
                batch.tensors.map { (name: $0.key, value: EngineValue.tensor($0.value)) }, cancellation: interruption.engine)
        }
        for (position, input) in bound.plan.inputs.enumerated() where input.elementType == .string {
            bound.setStrings(batch.tensors[input.name]?.strings ?? [], position)
        }
        return try bound.run(rows: batch.rowCount, cancellation: interruption.engine)
    }

    /// About half a mebibyte of input a batch: with what the model makes of it it stays in the caches, and it amortizes the calls. Rows that are
    /// large go together as far as 4 MiB reach, up to 32. A small file is not given room for more rows than it can well have, since touching
    /// memory costs more than scoring ten rows; if it has more all the same, there are more batches.
    private static func batchRows(rowBytes: Int, rowElements: Int, fileBytes: Int) -> Int {
        let rowBytes = max(rowBytes, 1)
        let large = min(max((512 << 10) / rowBytes, min((4 << 20) / rowBytes, 32), 1), 16_384)
        return min(large, max(fileBytes / max(rowElements, 1), 64))
    }

    static func byteCount(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func port(_ port: Port, _ file: String) throws(Failure) -> InputPort {
        guard let type = port.elementType, let dimensions = port.dimensions else {
            throw Failure(
                .badModel, what: "model input '\(port.name)' is \(port.kind), which rows of a table cannot fill", place: file,
                remedy: "Export the model with tensor inputs.")
        }
        return InputPort(name: port.name, elementType: type, dimensions: dimensions.map(\.extent))
    }
}

/// Seconds by phase of one attempt.
struct Phases {
    private(set) var seconds: [String: Double] = [:]

    mutating func time<Result, E: Error>(_ phase: String, _ body: () throws(E) -> Result) throws(E) -> Result {
        let start = ContinuousClock.now
        defer { seconds[phase, default: 0] += (ContinuousClock.now - start).seconds }
        return try body()
    }
}
