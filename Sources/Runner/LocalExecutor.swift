import Engine
import Foundation
import PipelineConfig
import Reasons

/// Runs attempts on the calling thread, in this process. Sessions are kept for the next attempt of the same model.
package final class LocalExecutor: AttemptExecutor {
    private let models: ModelLoader

    /// - Parameter sessionBytes: what kept sessions may cost, estimated by the bytes of their models.
    package init(sessionBytes: Int) { models = ModelLoader(sessionBytes: sessionBytes) }

    package func execute(_ spec: AttemptSpec, cancellation: AttemptCancellation) -> AttemptResult {
        var result = AttemptResult()
        let start = ContinuousClock.now
        do throws(Failure) {
            let interruption = try Interruption(spec, cancellation)
            try interruption.watch { () throws(Failure) in
                for stage in spec.stages {
                    try interruption.check()
                    switch stage {
                    case .deserialize:
                        // For data the model was checked when it was decided; the forward stage loads it.
                        if spec.goal == .decideModel { try ModelDecision(spec, models, interruption).decide(&result) }
                    case .optimize(let optimize):
                        if let training = spec.training { try FineTune(spec, optimize, training, models, interruption).run(&result) }
                    case .forward(let forward):
                        if spec.goal == .score { try ForwardPass(spec, forward, models, interruption).run(&result) }
                    }
                }
            }
        } catch {
            result.failure = error
        }
        result.timings["total"] = (ContinuousClock.now - start).seconds
        return spec.hidesValues ? result.withoutValues : result
    }
}

/// The two ways in which a running attempt is told to end: the daemon takes it back, or its time is over.
struct Interruption {
    let engine: Cancellation
    private let spec: AttemptSpec
    private let cancellation: AttemptCancellation
    private let watchdog: Watchdog

    init(_ spec: AttemptSpec, _ cancellation: AttemptCancellation) throws(Failure) {
        do throws(EngineError) {
            engine = try Cancellation()
        } catch {
            throw Failure(.resource, what: "\(error)", place: specPlace(spec), remedy: "Check the engine's library with Scripts/setup.")
        }
        self.spec = spec
        self.cancellation = cancellation
        watchdog = Watchdog(seconds: spec.limits.seconds) { [engine] in engine.cancel() }
    }

    func watch(_ body: () throws(Failure) -> Void) throws(Failure) {
        defer { watchdog.stop() }
        try cancellation.withHandler({ [engine] in engine.cancel() }, body)
    }

    var isEnded: Bool { cancellation.isCancelled || watchdog.hasFired }

    /// Between batches.
    func check() throws(Failure) {
        if cancellation.isCancelled {
            throw Failure(.cancelled, what: "the attempt was taken back", place: specPlace(spec), remedy: "It runs again.")
        }
        if watchdog.hasFired { throw .timeLimit(spec) }
    }
}

extension Duration {
    package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
