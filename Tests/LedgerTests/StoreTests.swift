import Arrivals
import Foundation
import GRDB
import LedgerSupport
import TestSupport
import Testing

@testable import Ledger

@Suite struct StoreTests {
    @Test func commitsAreSynced() throws {
        let f = try Fixture()
        try f.ledger.write { (ledger) throws(LedgerError) in
            #expect(try ledger.connection.first("PRAGMA synchronous", row: { $0.integer(0) }) == 2, "FULL")
            #expect(try ledger.connection.first("PRAGMA journal_mode", row: { $0.text(0) }) == "wal")
        }
    }

    /// What need not be durable leaves the commits after it as they were: the daemon records each arrival so.
    @Test func aCommitThatNeedNotBeDurableLeavesTheOthersSynced() throws {
        let f = try Fixture()
        func synchronous(durably: Bool, fails: Bool = false) throws -> Int64? {
            var found: Int64?
            try? f.ledger.write(durably: durably) { (ledger) throws(LedgerError) in
                found = try ledger.connection.first("PRAGMA synchronous", row: { $0.integer(0) })
                if fails { throw .missing(path: "nothing") }
            }
            return found
        }
        #expect(try synchronous(durably: true) == 2)
        for fails in [false, true] {
            #expect(try synchronous(durably: false, fails: fails) == 1, "NORMAL")
            #expect(try synchronous(durably: true) == 2, "FULL after one that need not be durable, whether that failed or not: \(fails)")
        }
        try f.ledger.prepareForWriting()
        #expect(try synchronous(durably: true) == 2)
    }

    /// What a power failure right after the commit would leave: the files as they are on disk, without the shared memory.
    @Test func everyCommitIsInTheFilesWhenItReturns() throws {
        let f = try Fixture()
        for index in 1...20 {
            if index == 5 || index == 10 { try f.ledger.prepareForWriting() }
            try f.arrive("f\(index).csv", "\(index)")
            let copy = try TemporaryDirectory("copy")
            try FileManager.default.createDirectory(atPath: copy(".millrace"), withIntermediateDirectories: true)
            for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
                try FileManager.default.copyItem(atPath: f.stateDirectory + "/" + name, toPath: copy(".millrace/" + name))
            }
            #expect(try RunLedger(stateDirectory: copy(".millrace")).arrivals().count == index)
        }
    }

    /// Half a transaction at the end of the log, as a kill in the middle of a commit leaves it, is as if it had not been.
    @Test(arguments: [false, true])
    func aTornCommitIsNotThere(isPrepared: Bool) throws {
        let f = try Fixture()
        if isPrepared { try f.ledger.prepareForWriting() }
        try f.arrive("a.csv", "A")
        let log = f.stateDirectory + "/ledger.sqlite-wal"
        let before = try Data(contentsOf: URL(fileURLWithPath: log))
        _ = try f.ledger.arrive((0..<200).map { f.file("f\($0).csv", "\($0)") }, at: f.now)
        let after = try Data(contentsOf: URL(fileURLWithPath: log))
        let start = zip(before, after).enumerated().first { $1.0 != $1.1 }?.offset ?? before.count
        let end = isPrepared ? try #require(after.lastIndex { $0 != 0 }) : after.count
        #expect(isPrepared == (after.count == before.count) && end > start + 8192)
        for length in stride(from: start, to: end, by: (end - start) / 7) {
            let copy = try TemporaryDirectory("torn")
            try copy.write(after.prefix(length) + before.dropFirst(length), to: ".millrace/ledger.sqlite-wal")
            try FileManager.default.copyItem(atPath: f.ledger.path, toPath: copy(".millrace/ledger.sqlite"))
            let torn = try RunLedger(stateDirectory: copy(".millrace"))
            #expect(try torn.arrivals().map(\.path) == ["a.csv"])
            #expect(try torn.counts(pipeline: "p").map(\.count) == [1])
        }
    }

    @Test func anotherProcessReadsWholeTransactionsWhileWeWrite() throws {
        let f = try Fixture()
        let reader = try Python(
            """
            import sqlite3, sys, time
            db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=0)
            looks = seen = 0
            print("ready")
            while seen < 4000:
                db.execute("BEGIN")
                a = db.execute("SELECT count(*) FROM arrivals").fetchone()[0]
                c = db.execute("SELECT coalesce(sum(count), 0) FROM counts").fetchone()[0]
                db.execute("COMMIT")
                assert a == c and a % 50 == 0 and a >= seen, (a, c, seen)
                seen = a; looks += 1
            print(looks)
            """, [f.ledger.path])
        #expect(reader.line() == "ready")
        let ours = try RunLedger(stateDirectory: f.stateDirectory, readOnly: true)
        for round in 0..<80 {
            _ = try f.ledger.arrive((0..<50).map { f.file("f\(round)-\($0).csv", "\(round)-\($0)") }, at: f.now)
            #expect(try ours.counts(pipeline: "p").map(\.count) == [50 * (round + 1)])
        }
        #expect(reader.exitStatus() == 0)
    }

    @Test func writersInTwoProcessesWaitForEachOther() throws {
        let f = try Fixture()
        let other = try Python(
            """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1], isolation_level=None)
            db.execute("BEGIN IMMEDIATE"); db.execute("INSERT INTO pauses VALUES ('other', 0)")
            print("held"); sys.stdin.readline(); db.execute("COMMIT")
            """, [f.ledger.path])
        #expect(other.line() == "held")
        let thread = Thread { try? other.say("go on") }
        thread.start()
        try f.arrive("a.csv", "A")
        #expect(try f.ledger.pauses().pipelines == ["other"])
        #expect(other.exitStatus() == 0)
    }

    @Test func whatPassesIsWaitedForAndNothingElse() {
        let passing: [LedgerError] = [.busy(path: "l", doing: "write"), .noSpace(path: "l", doing: "write"), .readOnly(path: "l")]
        for error in passing { #expect(error.mayPass, "\(error)") }
        for code: Int32 in [7, 10, 15, 10 | 3 << 8] {
            #expect(LedgerError.sqlite(path: "l", doing: "write", code: code, message: "").mayPass, "\(code)")
        }
        for code: Int32 in [1, 11, 14, 26] {
            #expect(!LedgerError.sqlite(path: "l", doing: "write", code: code, message: "").mayPass, "\(code)")
        }
        #expect(!LedgerError.missing(path: "l").mayPass && !LedgerError.notALedger(path: "l").mayPass)
        var pauses = GrowingPauses()
        let taken = (0..<8).map { _ in pauses.next() / .seconds(1) }
        #expect(taken == [1, 2, 4, 8, 16, 32, 60, 60])
    }

    // MARK: Schemas

    @Test func aLedgerOfANewerSchemaIsRefused() throws {
        let f = try Fixture()
        try f.execute("INSERT INTO grdb_migrations VALUES ('10')")
        for readOnly in [false, true] {
            #expect(throws: LedgerError.newerSchema(path: f.ledger.path, found: "10", newest: Schema.newest)) {
                _ = try RunLedger(stateDirectory: f.stateDirectory, readOnly: readOnly)
            }
        }
    }

    /// Killed while it makes the ledger, a daemon leaves as much of it as was committed.
    @Test(arguments: ["", "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)"])
    func aLedgerThatWasBegunIsFinished(sql: String) throws {
        let directory = try TemporaryDirectory("begun")
        try directory.write("", to: ".millrace/lock")
        let begun = try DatabaseQueue(path: directory(".millrace/ledger.sqlite"))
        try begun.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL")
            if !sql.isEmpty { try db.execute(sql: sql) }
        }
        try begun.close()
        let ledger = try RunLedger(stateDirectory: directory(".millrace"))
        let fresh = try Fixture()
        #expect(try Self.schema(ledger) == Self.schema(fresh.ledger))
    }

    @Test func anotherDatabaseIsRefused() throws {
        let directory = try TemporaryDirectory("other")
        try directory.write("", to: ".millrace/lock")
        let path = directory(".millrace/ledger.sqlite")
        try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE mine (x)") }
        #expect(throws: LedgerError.notALedger(path: path)) { _ = try RunLedger(stateDirectory: directory(".millrace")) }
        try directory.write(String(repeating: "not a database at all ", count: 100), to: ".millrace/ledger.sqlite")
        let error = try #require(throws: LedgerError.self) { _ = try RunLedger(stateDirectory: directory(".millrace")) }
        guard case .damaged = error else { Issue.record("\(error)"); return }
    }

    @Test func readersNeitherMakeNorMigrate() throws {
        let directory = try TemporaryDirectory("none")
        #expect(throws: LedgerError.missing(path: directory(".millrace/ledger.sqlite"))) {
            _ = try RunLedger(stateDirectory: directory(".millrace"), readOnly: true)
        }
        #expect(directory.files().isEmpty)
        let f = try Fixture()
        let reader = try RunLedger(stateDirectory: f.stateDirectory, readOnly: true)
        #expect(throws: LedgerError.readOnly(path: f.ledger.path)) { _ = try reader.arrive([f.file("a.csv", "A")], at: f.now) }
        try f.execute("DELETE FROM grdb_migrations")
        #expect(throws: LedgerError.olderSchema(path: f.ledger.path, holder: nil)) {
            _ = try RunLedger(stateDirectory: f.stateDirectory, readOnly: true)
        }
    }

    /// The tables as version 1 released them, with rows: they open, answer, and are brought to what a fresh ledger has.
    @Test func aLedgerOfVersion1IsOpened() throws {
        let directory = try TemporaryDirectory("v1")
        try directory.write("", to: ".millrace/lock")
        do {
            let old = try DatabaseQueue(path: directory(".millrace/ledger.sqlite"))
            try old.write { try $0.execute(sql: releasedSchema1) }
            try old.close()
        }
        let ledger = try RunLedger(stateDirectory: directory(".millrace"))
        #expect(try ledger.arrival(1)?.path == "a.csv")
        #expect(try ledger.published().map(\.output.digest) == ["sha-out"])
        #expect(try ledger.counts(pipeline: "digits").map(\.count) == [1])
        let fresh = try Fixture()
        #expect(try Self.schema(ledger) == Self.schema(fresh.ledger))
    }

    private static func schema(_ ledger: RunLedger) throws -> [String] {
        let sql = try ledger.read { (connection) throws(LedgerError) in
            try connection.all("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name", row: { $0.text(0) })
        }
        // Without comments and spaces, which mean nothing.
        return sql.map { text in
            text.split(separator: "\n").map { $0.prefix { $0 != "-" } }.joined().filter { !$0.isWhitespace }
        }
    }

    @Test func errorsSayWhatToDo() {
        let error = LedgerError.networkFileSystem(path: "/r/.millrace/ledger.sqlite", type: "nfs4")
        #expect("\(error)".contains("nfs4") && "\(error)".contains("local disk"))
    }
}
