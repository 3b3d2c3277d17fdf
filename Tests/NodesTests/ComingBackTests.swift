import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Landing
import Runner
import Synchronization
import SystemPackage
import TestSupport
import Testing
import WorkerProtocol

@testable import Nodes

/// Workers that lose their daemon, and come back to it or to the next one with what they execute.
@Suite struct ComingBackTests {
    /// Executes attempts once it may, and counts them.
    private final class Held: AttemptExecutor {
        private let inner = LocalExecutor(sessionBytes: 1 << 20)
        let begun = DispatchSemaphore(value: 0), mayEnd = DispatchSemaphore(value: 0), ended = DispatchSemaphore(value: 0)
        let count = Atomic(0)

        func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
            _ = count.add(1, ordering: .relaxed)
            begun.signal()
            mayEnd.wait()
            defer { ended.signal() }
            return inner.execute(spec, control: control)
        }
    }

    /// Executes on a thread, and keeps the answer.
    private func execute(_ spec: AttemptSpec, _ executor: NodeExecutor) -> Answer {
        let answer = Answer()
        Thread.detachNewThread { answer.result = executor.execute(spec, cancellation: AttemptCancellation()) }
        return answer
    }

    private final class Answer: Sendable {
        private let kept = Mutex<AttemptResult?>(nil)
        var result: AttemptResult? {
            get { kept.withLock { $0 } }
            set { kept.withLock { $0 = newValue } }
        }
    }

    /// The connection breaks for a moment: the attempt is not done twice.
    @Test func aBrokenConnectionCostsNothing() throws {
        let fixture = try NodeFixture(), held = Held()
        fixture.join(held)
        let answer = execute(try Scoring.spec(rows: "id,x\na,1\n", in: fixture.directory), fixture.executor)
        held.begun.wait()
        fixture.roster.dismissAll()
        #expect(eventually { fixture.words.all.filter { $0.hasPrefix("worker: joined") }.count == 2 }, "\(fixture.words.all)")
        held.mayEnd.signal()
        #expect(eventually { answer.result != nil })
        #expect(answer.result?.failure == nil && held.count.load(ordering: .relaxed) == 1, "\(String(describing: answer.result?.failure))")
        #expect(String(decoding: try fixture.directory.read("out.csv"), as: UTF8.self) == "id,y\na,3.0\n")
        #expect(!fixture.directory.files().contains { $0.contains(StagingArea.awayPrefix) })
    }

    /// The daemon is killed. The next one has the same work under another number of the attempt, and takes over what the worker has; also
    /// where it has ended meanwhile.
    @Test(arguments: [true, false]) func theNextDaemonTakesOverWhatRuns(_ endsMeanwhile: Bool) throws {
        let first = try NodeFixture(), held = Held()
        first.join(held, patience: .seconds(30))
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: first.directory)
        _ = execute(spec, first.executor)
        held.begun.wait()
        // It goes without a word, and what it would do with the loss is of no concern.
        first.listener.close()
        if endsMeanwhile {
            held.mayEnd.signal()
            held.ended.wait()
        }
        let second = try NodeFixture(nextOf: first)
        var next = spec
        next.attempt = 2
        if case .score(var files) = next.work {
            files.output = first.directory("again.csv")
            next.work = .score(files)
        }
        let answer = execute(next, second.executor)
        #expect(eventually { second.roster.entries.count == 1 }, "\(first.words.all)")
        if !endsMeanwhile { held.mayEnd.signal() }
        #expect(eventually { answer.result != nil })
        #expect(answer.result?.failure == nil && held.count.load(ordering: .relaxed) == 1, "\(String(describing: answer.result?.failure))")
        #expect(String(decoding: try first.directory.read("again.csv"), as: UTF8.self) == "id,y\na,3.0\n")
        #expect(answer.result?.files.map(\.path) == [first.directory("again.csv")])
    }

    /// Work of another file, of another model or under other limits is not taken for the same.
    @Test func otherWorkIsNotTakenOver() throws {
        let directory = try TemporaryDirectory("essence")
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: directory)
        var again = spec
        again.attempt = 7
        if case .score(var files) = again.work {
            files.output = directory("elsewhere.csv")
            again.work = .score(files)
        }
        #expect(again.essence == spec.essence && !spec.essence.isEmpty)
        var others = [spec, spec, spec, spec]
        others[0].run = 2
        others[1].limits.threads = 2
        others[2].provenance["millrace.revision"] = "other"
        if case .score(var files) = others[3].work {
            files.data.digest = "other"
            others[3].work = .score(files)
        }
        for other in others { #expect(other.essence != spec.essence) }
        // What a worker says that it has counts only where the attempt may write it.
        func writing(_ output: String) -> AttemptSpec {
            var other = spec
            guard case .score(var files) = other.work else { return other }
            files.output = output
            other.work = .score(files)
            return other
        }
        let away = writing(directory("away-1-1-ab/1-1-out.csv"))
        // A folder that is gone was removed, since nobody wanted any more what is written there.
        #expect(AwayFolder(of: spec, adopted: away) == nil)
        for folder in ["away-1-1-ab", "sub/away-1-1-ab", "away-2-1-ab"] {
            try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        }
        #expect(AwayFolder(of: spec, adopted: away) != nil)
        for output in [
            "/etc/passwd", directory("out.csv"), directory("away-1-1-ab/.."), directory("away-1-1-ab/../../out.csv"),
            directory("sub/away-1-1-ab/out.csv"), directory("away-2-1-ab/out.csv"),
        ] {
            #expect(AwayFolder(of: spec, adopted: writing(output)) == nil, "\(output)")
        }
    }
}
