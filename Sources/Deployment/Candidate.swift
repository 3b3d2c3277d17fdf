package import Machine
package import PipelineConfig
package import Recipes

/// Describes one way of executing a model.
package struct Candidate: Codable, Sendable, Hashable {
    package var engine: EngineChoice
    package var form: ModelForm
    /// The number of sessions that compute at the same time, each in a process of its own.
    package var sessions: Int
    /// The number of threads within one operator of a session.
    package var threads: Int
    /// The number of rows in one run; nil for as many as are usual for the model.
    package var batch: Int?

    package init(_ engine: EngineChoice, form: ModelForm = .published, sessions: Int = 1, threads: Int, batch: Int?) {
        self.engine = engine
        self.form = form
        self.sessions = sessions
        self.threads = threads
        self.batch = batch
    }

    init(_ engine: EngineChoice, form: ModelForm = .published, _ sharing: CoreSharing, batch: Int?) {
        self.init(engine, form: form, sessions: sharing.sessions, threads: sharing.threads, batch: batch)
    }

    var sharing: CoreSharing { CoreSharing(sessions: sessions, threads: threads) }

    /// The engine, and the form where it is another than the published one: such as "openvino float32 int8-static".
    package var way: String { form == .published ? "\(engine)" : "\(engine) \(form.rawValue)" }
}

extension Candidate: CustomStringConvertible {
    /// Such as "openvino bfloat16, 2 threads, 32 rows" or "onnxruntime float32, 2 sessions of 1 thread, rows as usual".
    package var description: String {
        let rows = batch.map { "\($0) row\($0 == 1 ? "" : "s")" } ?? "rows as usual"
        return "\(way), \(sharing), \(rows)"
    }

    /// The batch size as a forward stage says it.
    package var batchSize: ForwardStage.BatchSize { batch.map { .rows($0) } ?? .auto }
}

extension EngineChoice {
    /// Returns whether a form may be faster with the engine than the published one. OpenVINO has no kernels for products of integers whose
    /// scales come with the rows: it is then slower than in float32 on every model (MiniLM: 0.7 times as fast).
    func mayGain(by form: ModelForm) -> Bool { form != .int8Dynamic || name == .onnxRuntime }
}

/// Lists the engines that are tried for a model, in each of its forms.
package struct EngineCandidates: Sendable {
    /// The engines to try, the one that makes the original outputs first.
    package private(set) var tried: [EngineChoice] = [.onnxRuntime]
    /// The engines that are left out, each with the reason.
    package private(set) var leftOut: [(engine: EngineChoice, reason: String)] = []

    /// - Parameters:
    ///   - request: the precision that was asked for. The original is always tried.
    ///   - processor: the processor with its instruction sets, as `Processor.name` has them.
    package init(_ request: PrecisionRequest, processor: String = Processor.name) {
        for engine in EngineChoice.allCases where engine != .onnxRuntime {
            if engine.precision == .float32, request == .bfloat16 { continue }
            if engine.precision == .bfloat16, request == .float32 { continue }
            if engine.precision == .bfloat16, !Processor.multipliesBFloat16(processor) {
                leftOut.append((engine, "this processor has no bfloat16 products (avx512_bf16, amx_bf16), so that it would be slower"))
            } else {
                tried.append(engine)
            }
        }
    }
}
