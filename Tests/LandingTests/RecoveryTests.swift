import FileSystem
import Foundation
import Landing
import SystemPackage
import TestSupport
import Testing

/// What a ledger would hold, kept outside of the round that dies.
private final class Book {
    var intended: [Int64: StagedOutput] = [:]
    var closed: [Int64: Int] = [:]

    func intend(_ outputs: [StagedOutput]) -> [LandingPermission] {
        for output in outputs { intended[output.run] = output }
        return allow(outputs)
    }

    func close(_ outputs: [LandedOutput]) {
        for output in outputs {
            closed[output.run, default: 0] += 1
            intended[output.run] = nil
        }
    }
}

@Suite struct RecoveryTests {
    /// The round of these tests passes 4 + 2 x 4 steps; at stop 12 the intention cannot be recorded, at 13 the process dies before it
    /// closes what has landed, and at 14 it does not die.
    @Test(arguments: 0..<15)
    func aRoundStoppedAnywhereIsFinishedExactlyOnce(stop: Int) throws {
        let scene = try Scene("stop")
        _ = try scene.round().publish([scene.stage("old.csv", "old", run: 0)], intend: allow)
        let book = Book()
        func stageAll(_ attempt: Int) throws -> [StagedOutput] {
            try [
                scene.stage("a.csv", "A", run: 1, attempt: attempt),
                scene.stage("new/deep/b.csv", "B", run: 2, attempt: attempt),
                scene.stage("old.csv", "new", run: 3, attempt: attempt, replaces: digest("old")),
                scene.stage("new/c.csv", "C", run: 4, attempt: attempt),
            ]
        }
        var round = scene.round()
        var steps = 0
        round.onStep = { _ in
            defer { steps += 1 }
            if steps == stop { throw Stopped() }
        }
        var stopped = false
        do {
            let results = try round.publish(
                try stageAll(1),
                intend: {
                    if stop == 12 { throw Stopped() }
                    return book.intend($0)
                })
            if stop == 13 { throw Stopped() }
            book.close(results.landed)
        } catch {
            stopped = true
        }
        #expect(stopped == (stop != 14))

        // As after a restart: what the ledger intended is recovered, the sweep follows, the rest runs again. Twice, as if that died too.
        let intended = book.intended.values.sorted { $0.run < $1.run }
        for _ in 0..<2 {
            let found = try scene.round().recover(intended)
            for (output, recovery) in zip(intended, found) {
                guard case .landed(let landed) = recovery else {
                    Issue.record("run \(output.run) at stop \(stop): \(recovery)")
                    continue
                }
                if book.closed[output.run] == nil { book.close([landed]) }
            }
        }
        try scene.area.sweep(keeping: book.intended.values.map(\.staged))
        let rest = try stageAll(2).filter { book.closed[$0.run] == nil }
        if !rest.isEmpty { book.close(try scene.round().publish(rest, intend: book.intend).landed) }
        try scene.area.sweep()

        #expect(scene.outputs == ["a.csv", "new/c.csv", "new/deep/b.csv", "old.csv"])
        #expect(scene.text("a.csv") == "A" && scene.text("new/deep/b.csv") == "B" && scene.text("old.csv") == "new")
        #expect(book.closed == [1: 1, 2: 1, 3: 1, 4: 1])
        #expect(scene.staged.isEmpty)
        let lines = try scene.manifest()
        #expect(lines.map(\.path).sorted() == ["a.csv", "new/c.csv", "new/deep/b.csv", "old.csv", "old.csv"])
        #expect(lines.filter { $0.outputDigest == digest("new") }.count == 1)
    }

    /// The intention need not wait for the bytes: they may be what the power takes.
    @Test(arguments: ["", "hal"])
    func whatWasIntendedAndLostIsMadeAgain(left: String) throws {
        let scene = try Scene("lost")
        let book = Book()
        let output = try scene.stage("a.csv", "half", run: 1)
        _ = try? scene.round().publish(
            [output],
            intend: {
                _ = book.intend($0)
                throw Stopped()
            })
        try Data(left.utf8).write(to: URL(fileURLWithPath: output.staged.string))
        #expect(try scene.round().recover(Array(book.intended.values)) == [.rerun])
        #expect(scene.outputs.isEmpty && scene.staged.isEmpty)
        book.close(try scene.round().publish([scene.stage("a.csv", "half", run: 1, attempt: 2)], intend: book.intend).landed)
        #expect(scene.text("a.csv") == "half" && book.closed == [1: 1])
    }

    @Test func recoveryTellsWhatIsLeft() throws {
        let scene = try Scene("left")
        func intended(_ name: String, _ text: String, run: Int64) throws -> StagedOutput {
            try scene.stage(name, text, run: run)
        }
        let whole = try intended("whole.csv", "whole", run: 1)
        let cut = try intended("cut.csv", "cut", run: 2)
        try scene.folder.write("cu", to: "root/.millrace/staging/work/2-1-cut.csv")
        let gone = try intended("gone.csv", "gone", run: 3)
        try FileManager.default.removeItem(atPath: gone.staged.string)
        let both = try intended("both.csv", "both", run: 4)
        try scene.folder.write("both", to: "root/out/both.csv")
        let taken = try intended("taken.csv", "taken", run: 5)
        try scene.folder.write("theirs", to: "root/out/taken.csv")

        let found = try scene.round().recover([whole, cut, gone, both, taken])
        guard case .landed(let first) = found[0], case .landed(let fourth) = found[3] else {
            Issue.record("\(found)")
            return
        }
        #expect(first.isNew && first.file == whole.file && !fourth.isNew)
        #expect(found[1] == .rerun && found[2] == .rerun)
        #expect(found[4] == .failed(.targetNotOurs(taken.target, found: digest("theirs"), published: nil)))
        #expect(scene.outputs == ["both.csv", "taken.csv", "whole.csv"])
        #expect(scene.text("taken.csv") == "theirs")
        #expect(try scene.manifest().map(\.path).sorted() == ["both.csv", "whole.csv"])
    }

    @Test func aReaderSeesOldOrNewAndNothingBetween() throws {
        let scene = try Scene("reader")
        // Each text says its own length and ends with a mark, so that any cut shows.
        func text(_ generation: Int) -> String { "\(generation):" + String(repeating: "\(generation % 10)", count: 200_000) + ":end" }
        let reader = Thread.Reader(path: scene.out.appending("a.csv").string)
        reader.start()
        var before: String?
        for generation in 0..<40 {
            let now = text(generation)
            let results = try scene.round().publish(
                [scene.stage("a.csv", now, run: Int64(generation), replaces: before.map(digest))], intend: allow)
            _ = try results[0].get()
            before = now
        }
        let (reads, bad) = reader.stop()
        #expect(reads > 0 && bad == 0)
    }
}

extension Thread {
    /// Reads a file over and over and counts what is neither absent nor whole.
    final class Reader: @unchecked Sendable {
        private let path: String
        private let condition = NSCondition()
        private var wantsStop = false
        private var hasStopped = false
        private var reads = 0
        private var bad = 0

        init(path: String) { self.path = path }

        func start() {
            Thread.detachNewThread { [self] in
                while true {
                    condition.lock()
                    // At least one read of something, however the threads are scheduled.
                    if wantsStop, reads > 0 { break }
                    condition.unlock()
                    guard let data = FileManager.default.contents(atPath: path) else { continue }
                    let whole = data.suffix(4) == Data(":end".utf8) && data.count > 200_000
                    condition.withLock {
                        reads += 1
                        bad += whole ? 0 : 1
                    }
                }
                hasStopped = true
                condition.signal()
                condition.unlock()
            }
        }

        func stop() -> (reads: Int, bad: Int) {
            condition.withLock {
                wantsStop = true
                while !hasStopped { condition.wait() }
                return (reads, bad)
            }
        }
    }
}
