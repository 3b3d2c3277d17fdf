import Arrivals
import Attempts
import Columnar
import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import PipelineConfig
import Reasons
import Tensors

/// Answers one question about a model, in the way of executing it that the spec says: how fast it is, or how far its outputs are from those
/// of the model as it was published.
struct MeasuredPass {
    private let tools: AttemptTools
    private let files: AttemptSpec.MeasuredFiles
    private let stage: ForwardStage

    init(_ tools: AttemptTools, _ files: AttemptSpec.MeasuredFiles, _ stage: ForwardStage) {
        self.tools = tools
        self.files = files
        self.stage = stage
    }

    func run(_ result: inout AttemptResult) throws(Failure) {
        if files.question == .machines {
            var measurement = Measurement(rows: 0, seconds: 0, processorSeconds: 0, peakBytes: ProcessUsage.peakBytes)
            measurement.machines = EngineName.allCases.map(\.machine)
            result.measurement = measurement
            return
        }
        let begun = ProcessUsage.processorSeconds
        let loaded = try tools.models.load(
            measured: tools.opener.model(of: files), files.model.digest, tools.spec.sessionOptions, tools.interruption)
        var run = Run(loaded, self)
        var metric: MetricFinding?
        switch files.question {
        case .reference: try run.write()
        case .agreement: try run.compare()
        case .speed(let seconds): try run.time(for: seconds)
        case .metric(let rows, let seconds):
            metric = try JudgedPass(tools, files).measure(loaded.session, rows: rows, within: seconds)
        case .machines: break
        }
        result.measurement = Measurement(
            rows: run.rows, seconds: run.phases.seconds["run"] ?? 0, processorSeconds: run.phases.processorSeconds["run"] ?? 0,
            peakBytes: ProcessUsage.peakBytes, agreement: run.agreement,
            attemptProcessorSeconds: ProcessUsage.processorSeconds - begun)
        result.measurement?.metric = metric
        FaultPoint.reach(.workerMeasured)
    }

    private func reference(isNew: Bool) throws(Failure) -> ReferenceOutputs {
        do throws(FileSystemError) { return ReferenceOutputs(try tools.opener.folder(.reference), isNew: isNew) } catch {
            throw Failure(landing: error, place: files.reference)
        }
    }

    /// Runs the model over the rows, once or again and again.
    private struct Run {
        private let loaded: LoadedModel
        private let pass: MeasuredPass
        var phases = Phases(countsProcessor: true)
        var rows = 0
        var agreement: [OutputAgreement] = []

        init(_ loaded: LoadedModel, _ pass: MeasuredPass) {
            self.loaded = loaded
            self.pass = pass
        }

        mutating func write() throws(Failure) {
            let reference = try pass.reference(isNew: true)
            let folder = pass.files.reference
            try once { (_, values, _) throws(Failure) in
                for (index, value) in values.enumerated() {
                    do throws(FileSystemError) { try reference.write(OutputElements(value), of: index) } catch {
                        throw Failure(landing: error, place: folder)
                    }
                }
            }
        }

        mutating func compare() throws(Failure) {
            let reference = try pass.reference(isNew: false)
            let (folder, model) = (pass.files.reference, pass.files.model.path)
            var meters: [AgreementMeter] = []
            try once { (names, values, rows) throws(Failure) in
                for (index, value) in values.enumerated() {
                    if meters.count == index { meters.append(AgreementMeter(names[index])) }
                    let elements = OutputElements(value)
                    let original: OutputElements?
                    do throws(FileSystemError) { original = try reference.next(like: elements, of: index) } catch {
                        throw Failure(landing: error, place: folder)
                    }
                    guard let original, meters[index].add(elements, original: original, rows: rows) else {
                        throw Failure(
                            .badModel, what: "output \(names[index]) has another shape than in the model as it is",
                            place: model, remedy: "The way of executing it that gave it is not used.")
                    }
                }
            }
            agreement = meters.map(\.result)
        }

        /// Runs the model over the rows again and again. A batch is read once and run several times where that is short: what its first
        /// run costs beside the model, such as memory that is laid out, would be most of what is measured of a small model on few rows.
        mutating func time(for seconds: Double) throws(Failure) {
            guard let data = pass.files.data else {
                repeat { try onceMadeUp(within: seconds) { (_, _, _) throws(Failure) in } } while ran < seconds
                return
            }
            repeat {
                let rows = try opened(data)
                var left = pass.files.rows
                while left > 0, ran < seconds, let (batch, runs) = try rows.nextInputs(pass.tools.interruption, &phases) {
                    left -= batch.rowCount
                    var first = Phases(countsProcessor: true)
                    try rows.rows.run(runs, pass.tools.interruption, &first)
                    if first.seconds["run"] ?? 0 > Self.shortRun {
                        phases.add(first)
                        self.rows += batch.rowCount
                        continue
                    }
                    for _ in 0..<Self.repeats {
                        try rows.rows.run(runs, pass.tools.interruption, &phases)
                        self.rows += batch.rowCount
                    }
                }
                if left == pass.files.rows { throw noRows(data) }
            } while ran < seconds
        }

        /// The seconds up to which a run is repeated, and how often.
        private static let shortRun = 0.01, repeats = 16

        /// The seconds that the model ran so far.
        private var ran: Double { phases.seconds["run"] ?? 0 }

        /// Runs the model over the rows once.
        private mutating func once(_ body: Body) throws(Failure) {
            guard let data = pass.files.data else { return try onceMadeUp(within: .infinity, body) }
            let rows = try opened(data)
            var left = pass.files.rows
            while left > 0, let (batch, values) = try rows.next(pass.tools.interruption, &phases) {
                try body(rows.rows.outputNames, values, batch.rowCount)
                self.rows += batch.rowCount
                left -= batch.rowCount
            }
            if left == pass.files.rows { throw noRows(data) }
        }

        private func opened(_ data: AttemptSpec.InputFile) throws(Failure) -> SampleRows {
            let (loaded, spec, stage) = (loaded, pass.tools.spec, pass.stage)
            return try SampleRows(data, pass.files.older, from: pass.tools.opener) { (input) throws(Failure) in
                try Rows(input, loaded, spec.schema, stage, pinned: spec.columns)
            }
        }

        private func noRows(_ data: AttemptSpec.InputFile) -> Failure {
            Failure(
                .badInput, what: "there are no rows, so that nothing can be measured", place: data.path, remedy: "Give a file with rows.")
        }

        /// - Parameter seconds: the rest of the rows is left out once the model has run that long.
        private mutating func onceMadeUp(within seconds: Double, _ body: Body) throws(Failure) {
            let session = loaded.session
            let wanted = pass.stage.batchSize.rows ?? Self.madeUpBatch
            let count = session.inputs.first?.dimensions?.first?.value ?? wanted
            let (path, engine) = (pass.files.model.path, pass.tools.interruption.engine)
            let inputs = try Self.loading(path) { () throws(EngineError) in try MadeUpInputs.tensors(for: session.inputs, rows: wanted) }
            var left = pass.files.rows
            while left > 0, ran < seconds {
                try pass.tools.interruption.check()
                let values = try phases.time("run") { () throws(Failure) in
                    try Self.loading(path) { () throws(EngineError) in try session.run(inputs, cancellation: engine) }
                }
                var names: [String] = [], outputs: [OutputValue] = []
                for (info, value) in zip(session.outputs, values) {
                    guard let output = try? OutputValue(info.name, value) else { continue }
                    names.append(info.name)
                    outputs.append(output)
                }
                try body(names, outputs, count)
                rows += count
                left -= count
            }
        }

        private static func loading<Value>(_ path: String, _ body: () throws(EngineError) -> Value) throws(Failure) -> Value {
            do throws(EngineError) { return try body() } catch { throw Failure(loading: error, place: path) }
        }

        private typealias Body = (_ names: [String], [OutputValue], _ rows: Int) throws(Failure) -> Void

        private static let madeUpBatch = 32
    }
}
