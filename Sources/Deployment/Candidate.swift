package import Machine
package import PipelineConfig

/// Describes one way of executing a model.
package struct Candidate: Codable, Sendable, Hashable {
    package var engine: EngineChoice
    /// The number of threads within one operator.
    package var threads: Int
    /// The number of rows in one run; nil for as many as are usual for the model.
    package var batch: Int?

    package init(_ engine: EngineChoice, threads: Int, batch: Int?) {
        self.engine = engine
        self.threads = threads
        self.batch = batch
    }
}

extension Candidate: CustomStringConvertible {
    /// Such as "openvino bfloat16, 2 threads, 32 rows".
    package var description: String {
        let rows = batch.map { "\($0) row\($0 == 1 ? "" : "s")" } ?? "rows as usual"
        return "\(engine), \(threads) thread\(threads == 1 ? "" : "s"), \(rows)"
    }

    /// The batch size as a forward stage says it.
    package var batchSize: ForwardStage.BatchSize { batch.map { .rows($0) } ?? .auto }
}

/// Lists the engines that are tried for a model.
package struct EngineCandidates: Sendable {
    /// The engines to try, the one that makes the original outputs first.
    package private(set) var tried: [EngineChoice] = [.onnxRuntime]
    /// The engines that are left out, each with the reason.
    package private(set) var leftOut: [(engine: EngineChoice, reason: String)] = []

    /// - Parameters:
    ///   - precision: the only precision besides that of the original; nil lets the measurements decide.
    ///   - processor: the processor with its instruction sets, as `Processor.name` has them.
    package init(_ precision: EngineChoice.Precision?, processor: String = Processor.name) {
        for engine in EngineChoice.allCases where engine != .onnxRuntime {
            if let precision, engine.precision != precision { continue }
            if engine.precision == .bfloat16, !Processor.multipliesBFloat16(processor) {
                leftOut.append((engine, "this processor has no bfloat16 products (avx512_bf16, amx_bf16), so that it would be slower"))
            } else {
                tried.append(engine)
            }
        }
    }
}
