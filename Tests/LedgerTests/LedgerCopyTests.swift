import Arrivals
import FileSystem
import Foundation
import Reasons
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Ledger

/// The copy of a ledger that another host goes on with. What two ledgers hold is compared by another program.
@Suite struct LedgerCopyTests {
    private let f: Fixture
    private var folder: FilePath { FilePath(f.directory("copy")) }

    init() throws { f = try Fixture() }

    private func keep() throws {
        try f.ledger.keepCopy(in: folder) {
            .success(nil)
        } tell: {
            Issue.record("\($0)")
        }
    }

    /// Everything that a ledger holds, but what only its process knows.
    private func dump(_ stateDirectory: String) throws -> [String] {
        let program = """
            import sqlite3, sys
            ledger = sqlite3.connect(sys.argv[1])
            for (name,) in list(ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")):
                for row in sorted(map(repr, ledger.execute(f'SELECT * FROM "{name}"'))):
                    print(name, row.replace("\\n", " "))
            print("end")
            """
        let python = try Python(program, [stateDirectory + "/ledger.sqlite"])
        var lines: [String] = []
        while let line = Optional(python.line()), line != "end", !line.isEmpty { lines.append(line) }
        #expect(python.exitStatus() == 0)
        return lines
    }

    private func restored(_ name: String) throws -> (RestoredCopy?, [String]) {
        let restored = try RunLedger.restore(from: folder, stateDirectory: f.directory(name))
        return (restored, try dump(f.directory(name)))
    }

    /// Work of every kind: models, data that is scored, superseded, replaced, tried again.
    private func work(_ rounds: Range<Int>) throws {
        for round in rounds {
            _ = try f.publishModel("model-\(round)")
            let first = try f.arrive("sub/ä \(round % 3).csv", "content '\(round)'").number
            try f.finish(first, version: 1, revision: "r\(round % 2)", content: "output-\(round)")
            let other = try f.arrive("b.csv", "b-\(round)").number
            let run = try #require(try f.open(other))
            try f.ledger.write { (tx) throws(LedgerError) in
                try tx.attemptFailed(
                    [FailedAttempt(run: run.number, outcome: "failed", error: "why \(round)", nextAttemptAt: nil, counts: true)], at: f.now)
            }
            #expect(throws: LedgerError.self) {
                try f.ledger.write { (tx) throws(LedgerError) in
                    try tx.append([NewEvent("never", pipeline: "other-\(round)")], at: f.now)
                    throw .noSuchRun(1)
                }
            }
        }
    }

    @Test func aCopyIsTheLedgerAsItIs() throws {
        try work(0..<3)
        try keep()
        try work(3..<9)
        let (copy, lines) = try restored("other")
        #expect(copy?.stop == nil && copy?.transactions ?? 0 > 30)
        let here = try dump(f.stateDirectory)
        #expect(lines == here && lines.count > 100)
        // Copied anew, it is the same, with less to do again.
        try f.ledger.copyAnew()
        try work(9..<10)
        let (again, linesAgain) = try restored("again")
        #expect(again?.stop == nil && (1..<20).contains(again?.transactions ?? 0))
        let hereAgain = try dump(f.stateDirectory)
        #expect(linesAgain == hereAgain)
    }

    /// A daemon that dies while the ledger is copied anew leaves the copy of before, and two journals.
    @Test func aCopyThatIsNotFinishedCostsNothing() throws {
        try keep()
        try work(0..<2)
        let journal = try #require(f.ledger.keeper.withLock { $0?.journal })
        let moment = try journal.begin()
        try work(2..<4)
        let (copy, lines) = try restored("other")
        let here = try dump(f.stateDirectory)
        #expect(copy?.stop == nil && lines == here)
        try journal.finish(moment)
        #expect(f.directory.files().filter { $0.hasPrefix("copy/") } == ["copy/base-2.sqlite", "copy/journal-2"])
        let (whole, wholeLines) = try restored("whole")
        #expect(whole?.stop == nil && wholeLines == here)
    }

    /// The host may die at any byte; and what does not fit is not done.
    @Test func aJournalThatEndsAnywhereGivesWhatWasBefore() throws {
        try keep()
        var states = [try dump(f.stateDirectory)]
        for round in 0..<4 {
            _ = try f.arrive("a-\(round).csv", "content-\(round)")
            states.append(try dump(f.stateDirectory))
        }
        let path = "copy/journal-1", bytes = try f.directory.read(path)
        var found = Set<Int>()
        for cut in stride(from: 0, through: bytes.count, by: 23) + [bytes.count] {
            try f.directory.write(bytes[..<cut], to: path)
            let (copy, lines) = try restored("cut-\(cut)")
            let state = try #require(states.firstIndex(of: lines), "\(cut) of \(bytes.count)")
            #expect(state == copy?.transactions && (copy?.stop == nil) == (state == 4 || cut == 0 || copy?.stop == nil))
            found.insert(state)
        }
        #expect(found == [0, 1, 2, 3, 4])
        // A byte that is not what was written ends it too.
        var damaged = bytes
        damaged[bytes.count / 2] ^= 4
        try f.directory.write(damaged, to: path)
        let (copy, lines) = try restored("damaged")
        #expect(copy?.stop != nil && states.firstIndex(of: lines) == copy?.transactions)
    }

    /// What another process has written beside the daemon is in no journal: the ledger is copied anew.
    @Test func whatAnotherProcessWritesIsCopied() throws {
        try f.directory.write("{}", to: ".millrace/epoch.json")
        try keep()
        try work(0..<1)
        try RunLedger(stateDirectory: f.stateDirectory).write { (tx) throws(LedgerError) in
            try tx.append([NewEvent("foreign", pipeline: "p")], at: f.now)
        }
        try work(1..<2)
        #expect(eventually { f.directory.files().contains("copy/base-2.sqlite") && !f.directory.files().contains("copy/base-1.sqlite") })
        try work(2..<3)
        let (copy, lines) = try restored("other")
        let here = try dump(f.stateDirectory)
        #expect(copy?.stop == nil && lines == here)
    }

    @Test func whoIsSucceededRecordsNothingThatCounts() throws {
        try f.ledger.keepCopy(in: folder) {
            .success("somebody")
        } tell: { _ in
        }
        #expect(throws: LedgerError.takenOver(path: f.ledger.path, by: "somebody")) { try f.arrive("a.csv", "a") }
    }

    @Test func withoutACopyNothingIsRestored() throws {
        #expect(try RunLedger.restore(from: folder, stateDirectory: f.directory("other")) == nil)
        #expect(!FileManager.default.fileExists(atPath: f.directory("other/ledger.sqlite")))
    }
}
