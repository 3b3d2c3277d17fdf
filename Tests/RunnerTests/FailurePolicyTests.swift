import Foundation
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

/// What an attempt answers, with and without what cells hold.
@Suite struct FailureTests {
    @Test func valuesAreLeftOutOfEveryAnswer() throws {
        let failure = Failure(.badInput, what: "row 3: \(cell: "Zoe1987") is no number", place: "a.csv", remedy: "Mend it.")
        #expect(failure.description == "a.csv: row 3: \"Zoe1987\" is no number. Mend it." && failure.what == "row 3: the value is no number")
        var report = TrainingReport(rejection: failure, wait: failure)
        report.unusable = [.init(arrival: 1, failure: failure), .init(arrival: 2, failure: failure)]
        let answer = AttemptResult(failure: failure, training: report)
        let shown = String(decoding: try JSONEncoder().encode(answer), as: UTF8.self)
        let hidden = String(decoding: try JSONEncoder().encode(answer.withoutValues), as: UTF8.self)
        // Each value, and the sentence that it stands in.
        #expect(shown.components(separatedBy: "Zoe1987").count == 11 && !hidden.contains("Zoe1987"), "\(hidden)")
        #expect(hidden.components(separatedBy: "the value is no number").count == 6)
    }

    /// Answers from before have no such field.
    @Test func olderJSONIsRead() throws {
        let old = #"{"kind":"bad-input","what":"\"abc\" is no number","place":"a.csv","remedy":"Mend it."}"#
        let read = try JSONDecoder().decode(Failure.self, from: Data(old.utf8))
        #expect(read.cells == nil && read.description == "a.csv: \"abc\" is no number. Mend it.")
    }
}
