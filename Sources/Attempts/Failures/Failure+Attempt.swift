import Reasons

extension Failure {
    package static func cancelled(_ spec: AttemptSpec, by cause: AttemptCancellation.Cause) -> Failure {
        switch cause {
        case .takenBack: Failure(.cancelled, what: "the attempt was taken back", place: spec.place, remedy: "It runs again.")
        case .stopped:
            Failure(
                .stopped, what: "an operator stopped it", place: spec.place,
                remedy: "`millrace retry` does it again.")
        }
    }

    package static func timeLimit(_ spec: AttemptSpec) -> Failure {
        Failure(
            .timeLimit, what: "the attempt took longer than limits.time (\(spec.limits.seconds ?? 0) s)", place: spec.place,
            remedy: "Raise limits.time, or split the file.")
    }
}
