import Arrivals
import Glibc
import TestSupport
import Testing

@testable import Ledger

/// What a daemon answers through its socket, and what it refuses.
@Suite struct ServingTests {
    /// A served ledger with one file in it.
    private final class Served {
        let fixture: Fixture
        let server: LedgerServer

        init() throws {
            fixture = try Fixture()
            try fixture.arrive("a.csv", "a")
            let holder = DaemonLock.Holder(pid: 4711, host: "here", since: fixture.now)
            server = try LedgerServer(stateDirectory: fixture.stateDirectory, ledger: fixture.ledger, holder: holder)
        }

        deinit { server.stop() }

        func conversation() throws -> LedgerConversation { try #require(try LedgerConversation(stateDirectory: fixture.stateDirectory)) }

        /// A connection that has heard the greeting, for a client that is not ours.
        func stranger() throws -> Int32 {
            let descriptor = try #require(try LedgerSocket(stateDirectory: fixture.stateDirectory).connect())
            descriptor.limitWaiting(seconds: 20)
            guard case .greeting? = descriptor.receiveMessage() else { throw POSIXFault() }
            return descriptor
        }
    }

    private struct POSIXFault: Error {}

    @Test func rowsAndRequestsGoThroughTheSocket() throws {
        let served = try Served()
        let daemon = try served.conversation()
        #expect(daemon.holder.pid == 4711)
        #expect(
            try daemon.rows("SELECT path, number, reason FROM arrivals WHERE path = ?", [.text("a.csv")]) == [
                [.text("a.csv"), .integer(1), .null]
            ])
        try daemon.begin()
        try served.fixture.arrive("b.csv", "b")
        #expect(try daemon.rows("SELECT count(*) FROM arrivals", []) == [[.integer(2)]])
        try served.fixture.arrive("c.csv", "c")
        #expect(try daemon.rows("SELECT count(*) FROM arrivals", []) == [[.integer(2)]], "one moment from begin to end")
        try daemon.end()
        #expect(try daemon.rows("SELECT count(*) FROM arrivals", []) == [[.integer(3)]])
        let number = try daemon.submit(.pause(pipeline: "p"))
        #expect(try served.fixture.ledger.pendingRequests().map(\.id) == [number])
    }

    @Test func manyRowsComeInParts() throws {
        let served = try Served()
        let daemon = try served.conversation()
        let rows = try daemon.rows(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 'row ' || i FROM n", [])
        #expect(rows.count == 20_000 && rows.last == [.integer(20_000), .text("row 20000")])
        #expect(try daemon.rows("SELECT number FROM arrivals", [], atMost: 1).count == 1)
    }

    @Test(
        arguments: [
            "DELETE FROM arrivals", "UPDATE counts SET count = 0", "CREATE TABLE t (x)", "PRAGMA journal_mode = DELETE",
            "ATTACH '/etc/passwd' AS x",
            "BEGIN EXCLUSIVE", "SELECT load_extension('x')", "SELECT 1; DELETE FROM arrivals", "no sql",
            "SELECT hex(zeroblob(1000000000))",
        ])
    func onlyRowsOfTheLedgerAreGiven(_ sql: String) throws {
        let served = try Served()
        let daemon = try served.conversation()
        if sql.hasPrefix("SELECT 1;") {
            // What follows the first statement is never looked at.
            #expect(try daemon.rows(sql, []) == [[.integer(1)]])
        } else {
            #expect(throws: LedgerError.self) { try daemon.rows(sql, []) }
        }
        #expect(try served.fixture.ledger.arrival(1) != nil)
        #expect(try daemon.rows("SELECT count(*) FROM arrivals", []) == [[.integer(1)]], "it answers the next question")
    }

    @Test func aQuestionWithoutEndIsCutOff() throws {
        let served = try Served()
        let daemon = try served.conversation()
        let start = ContinuousClock.now
        #expect(throws: LedgerError.self) {
            try daemon.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n", [])
        }
        #expect(ContinuousClock.now - start < .seconds(60))
        // Meanwhile and afterwards the daemon writes.
        try served.fixture.arrive("b.csv", "b")
    }

    @Test(
        arguments: [
            [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [4, 0xFF, 0xFF, 0xFF, 0xFF], [4, 4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], [4, 0, 0, 0, 0],
            [9, 1, 0, 0, 0, 1],
            [6, 8, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        ] as [[UInt8]])
    func whatIsNoMessageEndsTheConversation(_ bytes: [UInt8]) throws {
        let served = try Served()
        let client = try served.stranger()
        defer { close(client) }
        #expect(bytes.withUnsafeBytes { write(client, $0.baseAddress, $0.count) } == bytes.count)
        #expect(client.receiveMessage() == nil)
        #expect(try served.conversation().rows("SELECT count(*) FROM arrivals", []) == [[.integer(1)]])
    }

    @Test func clientsAreCounted() throws {
        let served = try Served()
        var clients: [Int32] = []
        defer { for client in clients { close(client) } }
        for _ in 0..<16 { clients.append(try served.stranger()) }
        #expect(throws: LedgerError.self) { try served.conversation() }
        for client in clients { close(client) }
        clients = []
        #expect(eventually(within: 10) { (try? served.conversation()) != nil })
    }

    @Test func aStoppedServerLeavesNothing() throws {
        let served = try Served()
        served.server.stop()
        #expect(try LedgerConversation(stateDirectory: served.fixture.stateDirectory) == nil)
        #expect(access(served.fixture.directory(".millrace.sock"), F_OK) != 0)
    }

    @Test func messagesComeBackAsTheyWere() throws {
        for message in [
            .greeting("a"), .begin, .end, .query(sql: "SELECT é", values: [.null, .integer(.min), .text("")], atMost: 7), .submit("{}"),
            .rows([[], [.text("x"), .integer(-1)]]), .done, .number(.max), .refused(code: -1, message: "no"),
        ] as [LedgerMessage] {
            let bytes = message.encoded()
            #expect(LedgerMessage(kind: bytes[0], Array(bytes.dropFirst(5))) == message)
            for length in 0..<(bytes.count - 5) where length + 5 < bytes.count {
                #expect(LedgerMessage(kind: bytes[0], Array(bytes[5..<5 + length])) == nil)
            }
        }
    }

    /// The modes of the state folder, whatever the process's umask is and whatever was there before.
    @Test func theStateFolderIsItsOwners() throws {
        let directory = try TemporaryDirectory("modes")
        let state = directory(".millrace")
        mkdir(state, 0o755)
        chmod(state, 0o777)
        for name in ["lock", "ledger.sqlite"] {
            try directory.write("", to: ".millrace/" + name)
            chmod(state + "/" + name, 0o666)
        }
        let lock = try DaemonLock(stateDirectory: state)
        let ledger = try RunLedger(stateDirectory: state)
        _ = try ledger.submit(.pause(pipeline: nil), at: .now)
        withExtendedLifetime(lock) {
            #expect(mode(state) == 0o700)
            for name in ["lock", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"] {
                #expect(mode(state + "/" + name) == 0o600, "\(name)")
            }
        }
    }

    private func mode(_ path: String) -> mode_t {
        var found = stat()
        return stat(path, &found) == 0 ? found.st_mode & 0o7777 : 0
    }
}
