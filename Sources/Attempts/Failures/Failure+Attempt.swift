import Reasons

extension Failure {
    package static func cancelled(_ spec: AttemptSpec, by cause: AttemptCancellation.Cause) -> Failure {
        switch cause {
        case .takenBack: Failure(.cancelled, what: "the attempt was taken back", place: spec.place, remedy: "It runs again.")
        case .stopped:
            Failure(
                .stopped, what: "an operator stopped it", place: spec.place,
                remedy: "`millrace retry` does it again.")
        case .timeLimit: timeLimit(spec)
        }
    }

    package static func timeLimit(_ spec: AttemptSpec) -> Failure {
        Failure(
            .timeLimit, what: "the attempt took longer than limits.time (\(spec.limits.seconds ?? 0) s)", place: spec.place,
            remedy: "Raise limits.time, or split the file.")
    }

    /// Returns the failure of an attempt whose model took too long to load.
    /// - Parameter limit: the time that a model may take to load.
    package static func loadTime(_ spec: AttemptSpec, _ limit: Duration) -> Failure {
        Failure(
            .loadTime, what: "the model \(spec.model.path) was not loaded within limits.load_time (\(limit))", place: spec.place,
            remedy: "Raise limits.load_time, or make the model smaller.")
    }

    /// Returns the failure of an attempt that made no progress.
    /// - Parameter limit: the time in which an attempt has to begin a batch or a step.
    package static func standstill(_ spec: AttemptSpec, _ limit: Duration) -> Failure {
        Failure(
            .standstill, what: "the attempt began no batch for \(limit)", place: spec.place,
            remedy: "Make the batches smaller, or the model faster.")
    }

    /// Returns the failure of an attempt that outgrew its own limit, in bytes.
    package static func memoryLimit(_ spec: AttemptSpec, _ limit: Int) -> Failure {
        Failure(
            .memoryLimit, what: "the attempt outgrew limits.memory (\(limit >> 20) MiB)", place: spec.place,
            remedy: "Raise limits.memory, make batch_size smaller, or split the file.")
    }

    /// Returns the failure of the attempt that had grown most when all together outgrew the memory.
    /// - Parameter allowance: the bytes that all attempts together may take.
    package static func memoryOfAll(_ spec: AttemptSpec, _ allowance: Int) -> Failure {
        Failure(
            .memoryLimit, what: "the attempts that ran together outgrew \(allowance >> 20) MiB, and this one had grown most",
            place: spec.place, remedy: "Have fewer workers, make batch_size smaller, or split the file.")
    }

    /// Returns the failure of an attempt whose process died.
    /// - Parameters:
    ///   - why: says how the process has ended.
    ///   - lastWords: the end of what it has printed.
    package static func workerDied(_ spec: AttemptSpec, why: String, lastWords: String) -> Failure {
        // What a process prints as it crashes may quote what it read.
        let said: Reason = lastWords.isEmpty ? "" : "\(cell: lastWords, shown: "; it printed last: \(lastWords)", hidden: "")"
        return Failure(
            .workerDied, what: "its process died: \(why)\(said)", place: spec.place,
            remedy: "Look at the file; if it is right, report this with the file.")
    }
}
