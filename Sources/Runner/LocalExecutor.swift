import Arrivals
package import Attempts
import Engine
import FileSystem
import Foundation
package import Machine
import PipelineConfig
import Reasons
import Synchronization

/// Runs attempts on the calling thread, in this process. Sessions are kept for the next attempt of the same model.
package final class LocalExecutor: AttemptExecutor {
    private let models: ModelLoader
    private let rangeBytes: Int?
    private let files: @Sendable (AttemptSpec) -> any AttemptFiles

    /// - Parameters:
    ///   - sessionBytes: the sum of the costs of kept sessions, which are estimated by the bytes of their models.
    ///   - prepared: the folder where large models are kept as the engine maps them; nil loads all models as they are.
    ///   - rangeBytes: about how much of a large file is scored into one part, in bytes of the file; nil takes the usual size for its
    ///     format.
    ///   - files: opens the files of an attempt; nil opens them by the names of its spec.
    package init(
        sessionBytes: Int, prepared: PreparedFolder? = nil, rangeBytes: Int? = nil,
        files: (@Sendable (AttemptSpec) -> any AttemptFiles)? = nil
    ) {
        models = ModelLoader(sessionBytes: sessionBytes)
        self.rangeBytes = rangeBytes
        self.files = files ?? { NamedFiles($0, prepared: prepared) }
        // What is read of the machine once is read before a process can be confined.
        _ = (Boot.id, Self.machine)
    }

    /// The machine and the engine that run the models here.
    package static let machine = ONNXRuntime.machine

    package func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
        var result = AttemptResult()
        result.machine = spec.engine.name.machine
        let start = ContinuousClock.now
        let pauses = Pauses()
        let opener = control.files ?? self.files(spec)
        do throws(Failure) {
            if spec.engine.name == .openVINO, control.files != nil, let fault = WarmUp.fault {
                throw Failure(
                    .resource, what: "\(fault)", place: spec.place,
                    remedy: "Write `confinement: off` in millrace.yaml if it works then, or set MILLRACE_OPENVINO=0 to leave it out.")
            }
            let interruption = try Interruption(spec, control, pauses)
            let tools = AttemptTools(spec: spec, opener: opener, models: models, interruption: interruption)
            try interruption.watch { () throws(Failure) in
                for stage in spec.stages {
                    try interruption.check()
                    switch (stage, spec.work) {
                    case (.deserialize, .validateModel(let files, _)):
                        try ModelValidation(tools, files).validate(&result)
                    case (.optimize(let optimize), .validateModel(let files, let training?)),
                        (.optimize(let optimize), .fineTune(let files, let training)):
                        try FineTune(tools, files, optimize, training).run(&result)
                    case (.optimize(let optimize), .help(let files, let training, _)):
                        try FineTune(tools, files, optimize, training).help(&result)
                    case (.deploy(let deployment), .validateModel(let files, _)), (.deploy(let deployment), .fineTune(let files, _)):
                        try GraphRewriting(tools, files, deployment).run(&result)
                    case (.forward(let forward), .score(let files)):
                        if let parts = files.parts,
                            try RangedPass(tools, files, forward, parts: parts, rangeBytes: rangeBytes).run(&result)
                        {
                            continue
                        }
                        try ForwardPass(tools, files, forward).run(&result)
                    case (.forward(let forward), .scoreRange(let files)), (.forward(let forward), .scoreAhead(let files)):
                        guard let parts = files.parts else { break }
                        try RangedPass(tools, files, forward, parts: parts, rangeBytes: rangeBytes).scoreOneRange(&result)
                    case (.forward(let forward), .measure(let files)):
                        try MeasuredPass(tools, files, forward).run(&result)
                    case (.forward(let forward), .rewrite(let files)):
                        try RewritePass(tools, files, forward).run(&result)
                    // A model was checked when it was decided, so for data the forward stage only loads it.
                    case (.deserialize, _), (.optimize, _), (.deploy, _), (.forward, _): break
                    }
                }
            }
        } catch {
            result.failure = error
        }
        let paused = pauses.seconds
        result.timings["total"] = (ContinuousClock.now - start).seconds - paused
        if paused > 0 { result.timings["paused"] = paused }
        return spec.hidesValues ? result.withoutValues : result
    }
}

/// Measures the time for which an attempt lets others go first.
final class Pauses: Sendable {
    private let total = Mutex(Duration.zero)

    var seconds: Double { total.withLock { $0 }.seconds }
    func add(_ time: Duration) { total.withLock { $0 += time } }
}

/// Tells a running attempt to end or to let others go first.
struct Interruption {
    let engine: Cancellation
    let control: AttemptControl
    private let spec: AttemptSpec
    private let pauses: Pauses

    init(_ spec: AttemptSpec, _ control: AttemptControl, _ pauses: Pauses = Pauses()) throws(Failure) {
        do throws(EngineError) {
            engine = try Cancellation()
        } catch {
            throw Failure(.resource, what: "\(error)", place: spec.place, remedy: "Check the engine's library with Scripts/setup.")
        }
        self.spec = spec
        self.control = control
        self.pauses = pauses
    }

    func watch(_ body: () throws(Failure) -> Void) throws(Failure) {
        try control.cancellation.withHandler({ [engine] in engine.cancel() }, body)
    }

    var isEnded: Bool { control.cancellation.isCancelled }

    /// Lets others go first if it is their turn, and throws if the attempt must end. It is called between batches.
    func check() throws(Failure) {
        control.step()
        letOthersGoFirst()
        if let cause = control.cancellation.cause { throw .cancelled(spec, by: cause) }
    }

    /// Lets others go first if it is their turn, and returns whether the attempt must end. It is called between the steps of a training.
    func isEndedAfterOthers() -> Bool {
        control.step()
        letOthersGoFirst()
        return isEnded
    }

    private func letOthersGoFirst() {
        guard let turn = control.turn, !isEnded, turn.isOver else { return }
        let start = ContinuousClock.now
        control.cancellation.withHandler({ turn.goOn() }) { turn.pause() }
        pauses.add(ContinuousClock.now - start)
    }
}
