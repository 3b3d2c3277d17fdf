import Reasons
import Runner
import Testing

@Suite struct FailurePolicyTests {
    private func action(_ kind: Failure.Kind, _ goal: AttemptSpec.Goal, attempt: Int = 1) -> FailurePolicy.Action {
        FailurePolicy.action(
            for: Failure(kind, what: "x", place: "f", remedy: "r"), goal: goal, attempt: attempt, limit: 3, backoff: .seconds(2))
    }

    @Test(arguments: [
        (.badInput, .score, .quarantine), (.badModel, .decideModel, .reject), (.badModel, .score, .quarantine),
        (.inputChanged, .score, .resettle), (.inputGone, .decideModel, .resettle), (.cancelled, .score, .handBack),
        (.badInput, .fineTune, .quarantine), (.badModel, .fineTune, .reject), (.gate, .fineTune, .reject), (.diverged, .fineTune, .reject),
        (.resource, .score, .retry(after: .seconds(2))), (.timeLimit, .score, .retry(after: .seconds(2))),
        (.modelUnavailable, .score, .retry(after: .seconds(2))), (.executorLost, .decideModel, .retry(after: .seconds(2))),
    ] as [(Failure.Kind, AttemptSpec.Goal, FailurePolicy.Action)])
    func firstFailure(kind: Failure.Kind, goal: AttemptSpec.Goal, expected: FailurePolicy.Action) {
        #expect(action(kind, goal) == expected)
    }

    @Test func retriesBackOffAndEnd() {
        #expect(action(.resource, .score, attempt: 2) == .retry(after: .seconds(4)))
        #expect(action(.resource, .score, attempt: 3) == .quarantine)
    }

    @Test func theDelayIsBounded() {
        let failure = Failure(.resource, what: "", place: "", remedy: "")
        let action = FailurePolicy.action(for: failure, goal: .score, attempt: 90, limit: 100, backoff: .seconds(2))
        #expect(action == .retry(after: .seconds(3600)))
    }
}
