import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Runner
import Synchronization
import SystemPackage
import TestSupport
import Testing
import WorkerProcesses

@testable import Nodes

/// Large files that several machines score together: one output, with the same bytes as on one machine.
@Suite struct RangesTests {
    /// Counts the ranges and the files that were scored.
    private final class Counting: AttemptExecutor {
        private let inner: LocalExecutor
        let pieces = Atomic(0), files = Atomic(0)
        /// Is called before a range is scored.
        let before: @Sendable () -> Void

        init(before: @escaping @Sendable () -> Void = {}) {
            self.before = before
            inner = LocalExecutor(sessionBytes: 1 << 20, rangeBytes: 20_000)
        }

        func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
            if spec.isHelp { before() }
            let result = inner.execute(spec, control: control)
            guard result.rowCount != nil else { return result }
            if spec.isHelp { _ = pieces.add(1, ordering: .relaxed) } else { _ = files.add(1, ordering: .relaxed) }
            return result
        }
    }

    private let rows = "id,x\n" + (0..<40_000).map { "r\($0),\($0 % 977)\n" }.joined()

    private func spec(_ directory: TemporaryDirectory, _ output: String, parts: String?) throws -> AttemptSpec {
        var spec = try Scoring.spec(rows: rows, output: output, in: directory)
        guard case .score(var files) = spec.work else { return spec }
        files.parts = parts.map { directory($0) }
        spec.work = .score(files)
        return spec
    }

    /// Executes an attempt as a daemon does whose workers have nothing else to do: whatever is offered is taken.
    private func execute(_ spec: AttemptSpec, _ executor: NodeExecutor, helpers: Int) -> AttemptResult {
        guard case .score(let files) = spec.work else { return AttemptResult() }
        let range = spec.range(of: files)
        let open = Mutex(0), isOver = Atomic(false)
        var control = AttemptControl()
        control.offer = { count in open.withLock { $0 = count } }
        let group = DispatchGroup()
        for _ in 0..<helpers {
            group.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .relaxed) {
                    if open.withLock({ $0 > 0 }) { _ = executor.execute(range, control: AttemptControl()) } else { usleep(1000) }
                }
                group.leave()
            }
        }
        let result = executor.execute(spec, control: control)
        isOver.store(true, ordering: .relaxed)
        group.wait()
        return result
    }

    private func inOneGo(_ directory: TemporaryDirectory) throws -> [UInt8] {
        let alone = LocalExecutor(sessionBytes: 1 << 20).execute(
            try spec(directory, "alone.csv", parts: nil), cancellation: AttemptCancellation())
        #expect(alone.failure == nil)
        return try directory.read("alone.csv")
    }

    @Test func twoWorkersScoreOneFile() throws {
        let fixture = try NodeFixture()
        let workers = [Counting(), Counting()]
        for worker in workers { fixture.join(worker) }
        #expect(eventually { fixture.roster.places == 2 })
        let result = execute(try spec(fixture.directory, "out.csv", parts: "1-parts"), fixture.executor, helpers: 1)
        #expect(result.failure == nil && result.rowCount == 40_000, "\(String(describing: result.failure)) \(fixture.words.all)")
        #expect(try fixture.directory.read("out.csv") == inOneGo(fixture.directory))
        #expect(workers.map { $0.files.load(ordering: .relaxed) }.sorted() == [0, 1])
        // The one that has no file has helped.
        #expect(workers.contains { $0.files.load(ordering: .relaxed) == 0 && $0.pieces.load(ordering: .relaxed) > 0 })
        #expect(!fixture.directory.files().contains { $0.contains(".part") || $0.contains(".new") }, "\(fixture.directory.files())")
    }

    /// The attempt is executed on the daemon's machine, and a worker elsewhere helps.
    @Test func aWorkerElsewhereHelpsTheDaemonsOwn() throws {
        let helper = Counting()
        let local = ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20)
        let fixture = try NodeFixture(local: local, places: 1)
        fixture.join(helper)
        #expect(eventually { fixture.roster.places == 1 })
        // A file that a process of the usual settings cuts.
        let rows = "id,x\n" + (0..<2_500_000).map { "r\($0),\($0 % 977)\n" }.joined()
        var spec = try Scoring.spec(rows: rows, in: fixture.directory)
        guard case .score(var files) = spec.work else { return }
        files.parts = fixture.directory("1-parts")
        spec.work = .score(files)
        let result = execute(spec, fixture.executor, helpers: 1)
        #expect(result.failure == nil && result.rowCount == 2_500_000, "\(String(describing: result.failure))")
        #expect(helper.pieces.load(ordering: .relaxed) > 0)
        let text = String(decoding: try fixture.directory.read("out.csv"), as: UTF8.self)
        #expect(text.utf8.count > 20_000_000 && text.hasPrefix("id,y\nr0,2.0\nr1,3.0\n"))
        var lines = 0, isInOrder = true
        text.enumerateLines { line, _ in
            if lines > 0 { isInOrder = isInOrder && line.hasPrefix("r\(lines - 1),") }
            lines += 1
        }
        #expect(lines == 2_500_001 && isInOrder)
    }

    /// A helper that is lost while it scores a range costs that range alone, which is scored again.
    @Test func aLostHelperCostsItsRange() throws {
        let fixture = try NodeFixture()
        let main = Counting()
        fixture.join(main)
        #expect(eventually { fixture.roster.places == 1 })
        let began = DispatchSemaphore(value: 0), mayGoOn = DispatchSemaphore(value: 0)
        let lost = Counting(before: {
            began.signal()
            mayGoOn.wait()
        })
        let worker = Mutex<NodeWorker?>(nil)
        Thread.detachNewThread {
            began.wait()
            worker.withLock { $0 }?.stop()
            mayGoOn.signal()
        }
        worker.withLock { $0 = fixture.join(lost) }
        #expect(eventually { fixture.roster.places == 2 })
        let result = execute(try spec(fixture.directory, "out.csv", parts: "1-parts"), fixture.executor, helpers: 1)
        mayGoOn.signal()
        #expect(result.failure == nil && result.rowCount == 40_000, "\(String(describing: result.failure)) \(fixture.words.all)")
        #expect(try fixture.directory.read("out.csv") == inOneGo(fixture.directory))
    }

    /// What another machine says that it has written counts only where it is so.
    @Test func aPartThatIsNotAsAnsweredDoesNotCount() throws {
        let directory = try TemporaryDirectory("broker")
        let parts = directory("parts")
        try directory.write("{\"ranges\":{\"ranges\":[{},{},{}]}}", to: "parts/plan.json")
        try directory.write("", to: "parts/claims")
        let broker = try #require(RangeBroker(parts)), other = try #require(RangeBroker(parts))
        #expect(broker.claim() == 0 && other.claim() == 1)
        try directory.write("part", to: "parts/0-a.new")
        let digest = FileDigest.of(bytes: "part".utf8)
        // Somewhere else, or not there.
        try directory.write("part", to: "elsewhere")
        broker.end(0, .init(slot: "part", path: directory("elsewhere"), digest: digest, byteCount: 4))
        #expect(broker.claim() == 0)
        broker.end(0, .init(slot: "part", path: parts + "/0-a.new", digest: digest, byteCount: 4))
        #expect(try directory.read("parts/0.part") == Array("part".utf8))
        #expect(other.claim() == 2 && other.claim() == nil)
        other.end(1, nil)
        #expect(broker.claim() == 1)
    }
}
