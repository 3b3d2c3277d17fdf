package import Attempts
package import Machine
package import Recipes

/// Tells which attempt a frame is about. The nonce is drawn for each time that an attempt is handed out, so that an answer to an earlier
/// time is never taken for the answer to this one.
package struct AttemptReference: Codable, Sendable, Hashable {
    package var run: Int64
    package var attempt: Int
    package var nonce: UInt64

    package init(run: Int64, attempt: Int, nonce: UInt64) {
        self.run = run
        self.attempt = attempt
        self.nonce = nonce
    }
}

/// Holds what a worker says of itself, in its first frame.
package struct WorkerHello: Codable, Sendable, Hashable {
    /// The version of the protocol.
    package var frames: Int
    /// The version of the program.
    package var build: String
    /// The text that the worker was started with, which shows that it is the one that was started.
    package var token: String
    package var machine: AttemptMachine
    package var process: Int32
    package var host: String
    /// The mount points that the worker sees, with the types of their file systems.
    package var mounts: [String: String]

    /// The environment variable that has the token of a worker.
    package static let tokenVariable = "MILLRACE_WORKER_TOKEN"
    /// The version of the protocol that this code speaks.
    package static let currentFrames = 6

    package init(build: String, token: String, machine: AttemptMachine, process: Int32, host: String, mounts: [String: String]) {
        frames = Self.currentFrames
        self.build = build
        self.token = token
        self.machine = machine
        self.process = process
        self.host = host
        self.mounts = mounts
    }
}

/// Holds what the daemon tells a worker.
package enum DaemonFrame: Codable, Sendable {
    /// Later `score` frames have this in common, under the number that they name.
    case setting(number: Int, setting: ScoreSetting)
    /// A file is to be scored after what was sent before.
    case score(ScoreOrder)
    /// An attempt of any kind is to be executed after what was sent before.
    /// - Parameter hasFile: whether the open file with the data to score comes with the frame.
    case attempt(reference: AttemptReference, spec: AttemptSpec, hasFile: Bool)
    /// The attempt is to end as soon as it can. It answers with the failure that the cause stands for.
    case cancel(reference: AttemptReference, cause: AttemptCancellation.Cause)
    /// The attempt is to wait at its next batch or step, and to say that it does.
    case pause(reference: AttemptReference)
    /// The attempt that waits may go on.
    case goOn(reference: AttemptReference)
    /// Nothing is to be done: the frame only shows that the daemon is there.
    case alive
    /// The worker is to tell the daemon of an attempt that it had before the connection, and to answer it.
    case adopt(reference: AttemptReference)
    /// The worker is to claim a range of the file that the attempt is about, for another one to score, and to answer with `claimed`.
    case claim(reference: AttemptReference)
    /// Another worker has scored a range that was claimed, into that file; nil where it has not, and the range is free again.
    case scored(reference: AttemptReference, range: Int, part: AttemptResult.WrittenFile?)
    /// Somebody has come to help the attempt that trains in the run: the worker is to connect to the daemon for it.
    case meet(run: Int64)
    /// The worker is to show that it sees the daemon's folders, before it gets work in them.
    case probe([FolderProbe])
}

/// Describes an attempt that a worker executes, or has executed, and that no daemon follows.
package struct HeldAttempt: Codable, Sendable {
    package var reference: AttemptReference
    package var spec: AttemptSpec

    package init(reference: AttemptReference, spec: AttemptSpec) {
        self.reference = reference
        self.spec = spec
    }
}

/// Holds what a worker tells the daemon.
package enum WorkerFrame: Codable, Sendable {
    case hello(hello: WorkerHello)
    /// The attempt has begun to load a model, or has ended that.
    case phase(reference: AttemptReference, phase: AttemptPhase)
    /// The attempt has begun that many batches and steps so far. This is told once a second while the number grows.
    case heartbeat(reference: AttemptReference, steps: Int)
    case progress(reference: AttemptReference, progress: TrainingProgress)
    /// Nobody has begun that many ranges of the attempt's file, or so many more may help the attempt to train.
    case ranges(reference: AttemptReference, open: Int)
    /// The attempt waits, as it was told to.
    case paused(reference: AttemptReference)
    case answer(reference: AttemptReference, result: AttemptResult)
    /// Attempts whose answers name no machine are executed on this one.
    case machine(AttemptMachine)
    /// Nothing has happened: the frame only shows that the worker is there.
    case alive
    /// The worker has these attempts, which an earlier daemon, or an earlier connection, gave it.
    case held([HeldAttempt])
    /// This range is claimed for another worker; nil where nobody needs help.
    case claimed(reference: AttemptReference, range: Int?)
    /// This is what the worker sees of folders that it was asked about, in their order.
    case seen([FolderProbe.Sight])
    /// The worker is about to end, and takes no more work.
    case leaving
}
