import Arrivals
import Foundation
import Ledger
import Synchronization
import TestSupport
import Testing

@Suite struct DaemonLockTests {
    /// Takes the lock as another daemon would, says so, and keeps it until it is killed.
    private static let holder = """
        import fcntl, os, struct, sys, time
        f = open(sys.argv[1], "w+")
        fcntl.fcntl(f, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))
        f.write("%d\\notherhost\\n1900000000000\\n" % os.getpid()); f.flush()
        print("held"); sys.stdin.readline()
        """
    private static let taker = """
        import fcntl, struct, sys
        f = open(sys.argv[1], "r+")
        try:
            fcntl.fcntl(f, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)); print("taken")
        except BlockingIOError: print("refused " + " ".join(f.read().split("\\n")))
        """

    @Test func aSecondDaemonIsRefusedNamingTheFirst() throws {
        let directory = try TemporaryDirectory("lock")
        let state = directory(".millrace")
        let lock = try DaemonLock(stateDirectory: state)
        let holder = try #require(DaemonLock.holder(stateDirectory: state))
        #expect(holder.pid == getpid() && !holder.host.isEmpty)
        #expect(throws: LedgerError.locked(path: lock.path, by: holder)) { _ = try DaemonLock(stateDirectory: state) }
        #expect("\(LedgerError.locked(path: lock.path, by: holder))".contains("pid \(getpid()) on host \(holder.host)"))
        let other = try Python(Self.taker, [lock.path])
        #expect(other.line().hasPrefix("refused \(getpid()) \(holder.host)"))
        #expect(other.exitStatus() == 0)
        withExtendedLifetime(lock) {}
    }

    /// As where `activate` is said while the daemon starts.
    @Test func aDaemonWaitsForACommandButACommandForNobody() throws {
        let directory = try TemporaryDirectory("lock")
        let state = directory(".millrace")
        var command: DaemonLock? = try DaemonLock(stateDirectory: state, for: .command)
        let holder = try #require(DaemonLock.holder(stateDirectory: state))
        #expect(holder.work == .command)
        #expect(throws: LedgerError.locked(path: state + "/lock", by: holder)) { _ = try DaemonLock(stateDirectory: state, for: .command) }
        #expect("\(LedgerError.locked(path: state + "/lock", by: holder))".contains("a command works on this root: pid \(getpid())"))
        let daemon = Waiter()
        // A thread of its own: it does nothing but wait.
        Thread.detachNewThread {
            let taken = Result { try DaemonLock(stateDirectory: state) }
            daemon.result.withLock { $0 = taken }
        }
        // It stands at the lock, with a descriptor of its own.
        #expect(eventually { Self.descriptors(of: state + "/lock") == 2 })
        withExtendedLifetime(command) {}
        command = nil
        #expect(eventually { daemon.result.withLock { $0 != nil } })
        let lock = try #require(daemon.result.withLock { $0 }).get()
        #expect(DaemonLock.holder(stateDirectory: state)?.work == .daemon)
        withExtendedLifetime(lock) {}
    }

    private final class Waiter: Sendable {
        let result = Mutex<Result<DaemonLock, any Error>?>(nil)
    }

    private static func descriptors(of path: String) -> Int {
        let own = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return own.count { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path }
    }

    @Test func theLockGoesWithItsOwner() throws {
        let directory = try TemporaryDirectory("lock")
        let state = directory(".millrace")
        do {
            let lock = try DaemonLock(stateDirectory: state)
            withExtendedLifetime(lock) {}
        }
        #expect(DaemonLock.holder(stateDirectory: state) == nil)
        _ = try DaemonLock(stateDirectory: state)
    }

    @Test func theLockOfAKilledProcessIsFree() throws {
        let directory = try TemporaryDirectory("lock")
        let state = directory(".millrace")
        _ = try DaemonLock(stateDirectory: state)
        let other = try Python(Self.holder, [state + "/lock"])
        #expect(other.line() == "held")
        let holder = DaemonLock.Holder(pid: other.pid, host: "otherhost", since: UTCTime(milliseconds: 1_900_000_000_000))
        #expect(throws: LedgerError.locked(path: state + "/lock", by: holder)) { _ = try DaemonLock(stateDirectory: state) }
        #expect(DaemonLock.holder(stateDirectory: state) == holder)
        other.kill()
        #expect(DaemonLock.holder(stateDirectory: state) == nil)
        _ = try DaemonLock(stateDirectory: state)
    }

    /// As where a daemon is killed while it starts a worker: the process that it has just forked has the lock, until it becomes the worker.
    @Test func aDaemonWaitsForTheRemainsOfOneThatWasKilled() throws {
        let directory = try TemporaryDirectory("lock")
        let state = directory(".millrace")
        _ = try DaemonLock(stateDirectory: state)
        let other = try Python(Self.parent, [state + "/lock"])
        #expect(other.line() == "held")
        #expect(DaemonLock.holder(stateDirectory: state)?.pid == other.pid)
        // It has ended, though nobody may have asked for its status yet.
        #expect(eventually { (try? String(contentsOfFile: "/proc/\(other.pid)/stat", encoding: .utf8))?.contains(") Z ") ?? true })
        let daemon = Waiter()
        Thread.detachNewThread {
            let taken = Result { try DaemonLock(stateDirectory: state) }
            daemon.result.withLock { $0 = taken }
        }
        #expect(eventually { Self.descriptors(of: state + "/lock") == 1 })
        usleep(100_000)
        #expect(daemon.result.withLock { $0 == nil })
        try other.say("end")
        #expect(eventually { daemon.result.withLock { $0 != nil } })
        _ = try #require(daemon.result.withLock { $0 }).get()
        #expect(DaemonLock.holder(stateDirectory: state)?.pid == getpid())
    }

    /// Takes the lock as a daemon would, forks, and ends; its child keeps the lock until a line comes.
    private static let parent = """
        import fcntl, os, struct, sys
        f = open(sys.argv[1], "w+")
        fcntl.fcntl(f, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0))
        f.write("%d\\n%s\\n1900000000000\\ndaemon\\n" % (os.getpid(), os.uname().nodename)); f.flush()
        if os.fork():
            print("held"); os._exit(0)
        sys.stdin.readline()
        """

    @Test func lookingDoesNotTakeOrMakeAnything() throws {
        let directory = try TemporaryDirectory("lock")
        #expect(DaemonLock.holder(stateDirectory: directory(".millrace")) == nil)
        #expect(directory.files().isEmpty)
    }

    @Test func aLedgerOfAnOlderSchemaIsNotMigratedUnderARunningDaemon() throws {
        let f = try Fixture()
        try f.execute("DELETE FROM grdb_migrations")
        let other = try Python(Self.holder, [f.stateDirectory + "/lock"])
        #expect(other.line() == "held")
        let holder = DaemonLock.Holder(pid: other.pid, host: "otherhost", since: UTCTime(milliseconds: 1_900_000_000_000))
        #expect(throws: LedgerError.olderSchema(path: f.ledger.path, holder: holder)) { try f.reopen() }
        other.kill()
    }
}
