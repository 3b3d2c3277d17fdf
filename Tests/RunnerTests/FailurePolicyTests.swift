import Glibc
import Runner
import Testing

@Suite struct FailurePolicyTests {
    private func action(_ kind: Failure.Kind, _ goal: AttemptSpec.Goal, attempt: Int = 1, number: Int = 1) -> FailurePolicy.Action {
        FailurePolicy.action(
            for: Failure(kind, what: "x", place: "f", remedy: "r"), goal: goal, attempt: attempt, number: number, limit: 3, backoff: .seconds(2))
    }

    @Test(arguments: [
        (.badInput, .score, .quarantine), (.badModel, .decideModel, .reject), (.badModel, .score, .quarantine),
        (.inputChanged, .score, .resettle), (.inputGone, .decideModel, .resettle), (.cancelled, .score, .handBack),
        (.badInput, .fineTune, .quarantine), (.badModel, .fineTune, .reject), (.gate, .fineTune, .reject), (.diverged, .fineTune, .reject),
        (.resource, .score, .retry(after: .seconds(2))), (.timeLimit, .score, .retry(after: .seconds(2))),
        (.machine, .score, .awaitMachine), (.machine, .decideModel, .awaitMachine), (.unreadable, .score, .awaitFile(after: .seconds(1))),
        (.modelUnavailable, .score, .retry(after: .seconds(2))), (.executorLost, .decideModel, .retry(after: .seconds(2))),
    ] as [(Failure.Kind, AttemptSpec.Goal, FailurePolicy.Action)])
    func firstFailure(kind: Failure.Kind, goal: AttemptSpec.Goal, expected: FailurePolicy.Action) {
        #expect(action(kind, goal) == expected)
    }

    @Test func retriesBackOffAndEnd() {
        #expect(action(.resource, .score, attempt: 2) == .retry(after: .seconds(4)))
        #expect(action(.resource, .score, attempt: 3) == .quarantine)
    }

    /// However often the machine fails, the file is not to blame.
    @Test func faultsOfTheMachineNeverEnd() {
        #expect(action(.machine, .score, attempt: 3, number: 500) == .awaitMachine)
        #expect(action(.unreadable, .score, attempt: 3, number: 500) == .awaitFile(after: .seconds(60)))
        #expect(action(.unreadable, .score, number: 4) == .awaitFile(after: .seconds(8)))
    }

    @Test(arguments: [
        (ENOSPC, .machine, .unreadable), (EDQUOT, .machine, .unreadable), (EROFS, .machine, .unreadable), (EIO, .machine, .unreadable),
        (EACCES, .machine, .unreadable), (ESTALE, .machine, .unreadable), (EMFILE, .machine, .machine), (ENFILE, .machine, .machine),
        (ENOENT, .resource, .inputGone), (ENAMETOOLONG, .resource, .resource), (EISDIR, .resource, .resource),
    ] as [(Int32, Failure.Kind, Failure.Kind)])
    func errorsOfSystemCalls(code: Int32, writing: Failure.Kind, reading: Failure.Kind) {
        #expect(MachineFault.kind(writing: code) == writing)
        #expect(MachineFault.kind(reading: code) == reading)
    }

    @Test func theDelayIsBounded() {
        let failure = Failure(.resource, what: "", place: "", remedy: "")
        let action = FailurePolicy.action(for: failure, goal: .score, attempt: 90, number: 90, limit: 100, backoff: .seconds(2))
        #expect(action == .retry(after: .seconds(3600)))
    }
}
