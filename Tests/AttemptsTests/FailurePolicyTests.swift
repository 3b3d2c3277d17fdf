import Attempts
import Foundation
import PipelineConfig
import Reasons
import Recipes
import Testing

@Suite struct FailurePolicyTests {
    private func action(_ kind: Failure.Kind, _ goal: AttemptSpec.Goal, attempt: Int = 1, number: Int = 1) -> FailurePolicy.Action {
        FailurePolicy.action(
            for: Failure(kind, what: "x", place: "f", remedy: "r"), goal: goal, attempt: attempt, number: number, limit: 3,
            backoff: .seconds(2))
    }

    @Test(
        arguments: [
            (.badInput, .score, .quarantine), (.badModel, .validateModel, .reject), (.badModel, .score, .quarantine),
            (.inputChanged, .score, .resettle), (.inputGone, .validateModel, .resettle), (.cancelled, .score, .handBack),
            (.badInput, .fineTune, .quarantine), (.badModel, .fineTune, .reject), (.gate, .fineTune, .reject),
            (.diverged, .fineTune, .reject),
            (.resource, .score, .retry(after: .seconds(2))), (.timeLimit, .score, .retry(after: .seconds(2))),
            (.machine, .score, .awaitMachine), (.machine, .validateModel, .awaitMachine),
            (.unreadable, .score, .awaitFile(after: .seconds(1))),
            (.memoryLimit, .score, .quarantine), (.memoryLimit, .validateModel, .reject), (.workerDied, .score, .retry(after: .seconds(2))),
            (.loadTime, .validateModel, .retry(after: .seconds(2))), (.standstill, .fineTune, .retry(after: .seconds(2))),
            (.modelUnavailable, .score, .retry(after: .seconds(2))), (.executorLost, .validateModel, .retry(after: .seconds(2))),
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

    @Test(
        arguments: [
            (ENOSPC, .machine, .unreadable), (EDQUOT, .machine, .unreadable), (EROFS, .machine, .unreadable), (EIO, .machine, .unreadable),
            (EACCES, .machine, .unreadable), (ESTALE, .machine, .unreadable), (EMFILE, .machine, .machine), (ENFILE, .machine, .machine),
            (ENOENT, .machine, .inputGone), (ENOTDIR, .machine, .inputGone), (ENAMETOOLONG, .resource, .resource),
            (EISDIR, .resource, .resource),
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

/// What an attempt answers, with and without what cells hold.
@Suite struct FailureTests {
    @Test func valuesAreLeftOutOfEveryAnswer() throws {
        let failure = Failure(.badInput, what: "row 3: \(cell: "Zoe1987") is no number", place: "a.csv", remedy: "Mend it.")
        #expect(
            failure.description == "a.csv: row 3: \"Zoe1987\" is no number. Mend it." && failure.what == "row 3: the value is no number")
        var report = TrainingReport(rejection: failure, wait: failure)
        report.unusable = [.init(arrival: 1, failure: failure), .init(arrival: 2, failure: failure)]
        let answer = AttemptResult(failure: failure, training: report)
        let shown = String(decoding: try JSONEncoder().encode(answer), as: UTF8.self)
        let hidden = String(decoding: try JSONEncoder().encode(answer.withoutValues), as: UTF8.self)
        // Each value, and the sentence that it stands in.
        #expect(shown.components(separatedBy: "Zoe1987").count == 11 && !hidden.contains("Zoe1987"), "\(hidden)")
        #expect(hidden.components(separatedBy: "the value is no number").count == 6)
    }

    /// What a process prints as it crashes may quote what it read.
    @Test func theLastWordsOfAProcessAreToldAsValuesAre() {
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .score(
                .init(model: .init(path: "/m", digest: ""), data: .init(path: "/a.csv", digest: ""), output: "/o", format: .csv)),
            schema: RowSchema(), stages: [])
        let died = Failure.workerDied(spec, why: "it ended by signal 4", lastWords: "Fatal error: key \"Zoe1987\"")
        #expect(
            died.what == "its process died: it ended by signal 4"
                && died.fullReason.sentence.hasSuffix("it printed last: Fatal error: key \"Zoe1987\""))
        #expect(Failure.workerDied(spec, why: "x", lastWords: "").cells == nil)
    }

    /// Answers from before have no such field.
    @Test func olderJSONIsRead() throws {
        let old = #"{"kind":"bad-input","what":"\"abc\" is no number","place":"a.csv","remedy":"Mend it."}"#
        let read = try JSONDecoder().decode(Failure.self, from: Data(old.utf8))
        #expect(read.cells == nil && read.description == "a.csv: \"abc\" is no number. Mend it.")
    }
}
