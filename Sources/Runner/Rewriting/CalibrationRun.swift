import Arrivals
import Attempts
import Columnar
import Engine
import Machine
import Names
import ONNX
import PipelineConfig
import Quantization
import Reasons
import Tensors

/// Runs a model over rows and shows a calibration the values inside it. A few rows at a time are in memory, however many there are.
struct CalibrationRun {
    let spec: AttemptSpec
    let files: AttemptSpec.RewrittenFiles
    let opener: any AttemptFiles
    let stage: ForwardStage
    let interruption: Interruption

    /// The number of rows in one run: all values inside the model are kept of them at once.
    private static let batchRows = 8
    /// The number of rows from which ranges are found alone where they follow those with which outputs are compared. Fewer say too little.
    private static let leastApart = 64

    /// Shows the calibration as many rows as outputs are compared with: those after them where there are enough, and the first otherwise.
    /// - Returns: the calibration, and the number of rows.
    /// - Parameter outputs: the names of the outputs of the model as it is, which tell how rows go in.
    func run(_ fresh: Calibration, outputs: [String]) throws(Failure) -> (calibration: Calibration, rows: Int) {
        guard let data = files.data else {
            throw Failure(
                .badInput, what: "the form needs rows, from which it learns how large numbers become", place: files.model.path,
                remedy: "Give a file with rows.")
        }
        let session: Session
        do throws(EngineError) {
            session = try Session(of: fresh.model, options: SessionOptions(threads: spec.limits.threads))
        } catch { throw Failure(loading: error, place: files.model.path) }
        let loaded = LoadedModel(
            session: session, facts: ModelFacts(fresh.model), evidence: GatheredEvidence(),
            key: .init(digest: files.model.digest, options: spec.sessionOptions))
        let stage = ForwardStage(batchSize: .rows(Self.batchRows), outputs: self.stage.outputs ?? outputs.map { OutputMapping(output: $0) })
        func feed(skipping skipped: Int) throws(Failure) -> (calibration: Calibration, rows: Int) {
            let spec = spec
            let rows = try SampleRows(data, files.older, from: opener) { (input) throws(Failure) in
                try Rows(input, loaded, spec.schema, stage, pinned: spec.columns)
            }
            return try self.feed(fresh, rows, loaded.session, skipping: skipped)
        }
        let apart = try feed(skipping: files.comparedRows)
        return apart.rows >= Self.leastApart ? apart : try feed(skipping: 0)
    }

    private func feed(
        _ fresh: Calibration, _ rows: SampleRows, _ session: Session, skipping skipped: Int
    ) throws(Failure) -> (calibration: Calibration, rows: Int) {
        var calibration = fresh
        let inside = calibration.values.filter { (try? session.outputIndex($0)) != nil }
        let run = rows.rows.run(for: inside, of: session)
        var phases = Phases(), seen = 0, used = 0
        while used < files.comparedRows, let (batch, runs) = try rows.nextInputs(interruption, &phases) {
            defer { seen += batch.rowCount }
            if seen < skipped { continue }
            for (positions, tensors) in runs {
                try interruption.check()
                let values: [EngineValue]
                do throws(EngineError) {
                    values = try run.raw(tensors, rows: positions.count, cancellation: interruption.engine)
                } catch {
                    try interruption.check()
                    throw Failure(
                        .badInput, what: "rows from \(batch.firstRow) on: \(error)", place: files.data?.path ?? "", remedy: "Look at them.")
                }
                do throws(QuantizationError) {
                    for (name, value) in zip(inside, values) {
                        if let tensor = value.tensor { try calibration.observe(name, tensor) }
                    }
                    for name in calibration.values where !inside.contains(name) {
                        if let tensor = tensors[name] { try calibration.observe(name, tensor) }
                    }
                } catch { throw Failure(rewriting: error, place: files.model.path) }
            }
            used += batch.rowCount
        }
        return (calibration, used)
    }
}
