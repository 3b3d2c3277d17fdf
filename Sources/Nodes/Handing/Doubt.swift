import Arrivals
import Attempts
import FileSystem
import SystemPackage

/// Holds an answer that may be due to the machine of the worker, or to what a cache of its file system shows, and not to the attempt.
struct Doubt {
    let result: AttemptResult
    let worker: JoinedWorker
    private let since: ContinuousClock.Instant
    private let kind: Failure.Kind

    /// The time that a file may take to be seen by a worker as the daemon sees it.
    private static let patience: Duration = .seconds(60)

    /// Returns nil for an answer that is taken as it is.
    /// - Parameter earlier: what was doubted of the same attempt before.
    init?(_ result: AttemptResult, of worker: JoinedWorker, after earlier: Doubt?) {
        guard let kind = result.failure?.kind, [.machine, .inputGone, .inputChanged, .unreadable, .modelUnavailable].contains(kind) else {
            return nil
        }
        self.result = result
        self.worker = worker
        self.kind = kind
        since = earlier?.since ?? .now
    }

    /// Returns whether the answer is taken after all.
    /// - Parameter earlier: what was doubted of the same attempt before.
    func isConfirmed(_ spec: AttemptSpec, after earlier: Doubt?) -> Bool {
        // A disk that is full is full for all.
        if kind == .machine { return earlier?.kind == .machine }
        return !Self.isHere(spec) || ContinuousClock.now - since > Self.patience
    }

    /// Tells whether the worker's machine is to blame, where another worker has given another answer.
    var isOfMachine: Bool { kind == .machine }

    /// Returns whether the daemon sees the files of the attempt as they were numbered.
    private static func isHere(_ spec: AttemptSpec) -> Bool {
        let labels = (spec.training?.labelled ?? []).map(\.file)
        return ([spec.model] + (spec.data.map { [$0] } ?? []) + labels).allSatisfy { file in
            guard let stamp = (try? FileDigest.stamp(FilePath(file.path))) ?? nil else { return false }
            // Of a model with external data the stamp is of all its files.
            return file.stamp == nil || !file.companions.isEmpty || stamp == file.stamp
        }
    }
}
