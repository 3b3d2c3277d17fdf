import FileSystem
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Landing

@Suite struct FolderClaimTests {
    private let directory: TemporaryDirectory
    private let timing = {
        var timing = FolderClaim.Timing()
        timing.beat = .milliseconds(100)
        timing.patience = .milliseconds(600)
        return timing
    }()

    init() throws { directory = try TemporaryDirectory("claim") }

    private var folder: FilePath { FilePath(directory.path) }

    private func claim(_ use: FolderClaim.Use = .spool, as holder: ClaimHolder? = nil) throws -> FolderClaim {
        try FolderClaim(
            folder, use, as: holder ?? ClaimHolder(root: "/root-of-\(UUID().uuidString.prefix(4))", since: "now"), timing: timing)
    }

    /// The holder file as JSON, changed.
    private func edit(_ name: String = ".millrace-claim", _ change: (inout [String: Any]) -> Void) throws {
        let path = URL(fileURLWithPath: directory(name + "/holder"))
        var object = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any])
        change(&object)
        // In place, so that the file stays the one that its holder knows.
        let file = try FileHandle(forWritingTo: path)
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: JSONSerialization.data(withJSONObject: object))
        try file.close()
    }

    @Test func oneHoldsAFolderAndTheOtherIsToldWho() throws {
        let first = try claim(as: ClaimHolder(root: "/first", since: "2026-11-29T00:00:00Z"))
        #expect(first.isHeld)
        let message = #expect(throws: FileSystemError.self) { try claim() }
        #expect("\(try #require(message))".contains("pid \(getpid()) on host"))
        #expect("\(try #require(message))".contains("--root /first"))
        // The outputs of one may be the spool of another.
        #expect(try claim(.outputs).isHeld)
        #expect(directory.files() == [".millrace-claim/holder", "_millrace/claim/holder"])
        try first.beat()
        first.release()
        let second = try claim()
        #expect(second.isHeld)
        #expect(throws: FileSystemError.self) { try FolderClaim(folder, .spool, as: ClaimHolder(root: "/", since: ""), timing: timing) }
    }

    @Test func aClaimThatVanishedIsMadeAgain() throws {
        let first = try claim()
        try FileManager.default.removeItem(atPath: directory(".millrace-claim/holder"))
        try first.beat()
        #expect(first.isHeld)
        try FileManager.default.removeItem(atPath: directory(".millrace-claim"))
        try first.beat()
        #expect(first.isHeld && directory.files() == [".millrace-claim/holder"])
        #expect(throws: FileSystemError.self) { try claim() }
    }

    @Test func theClaimOfADeadProcessIsTakenOver() throws {
        _ = try claim()
        try edit { $0["pid"] = 4_194_303 }
        let start = ContinuousClock.now
        var patient = timing
        patient.patience = .seconds(60)
        let second = try FolderClaim(folder, .spool, as: ClaimHolder(root: "/second", since: "now"), timing: patient)
        #expect(second.isHeld && ContinuousClock.now - start < .seconds(20), "nobody is waited for")
        #expect(directory.files() == [".millrace-claim/holder"])
    }

    /// A pid is used again: the process that has it now started at another time.
    @Test func theClaimOfAProcessWhosePidAnotherHasIsTakenOver() throws {
        _ = try claim()
        try edit { $0["started"] = "1" }
        #expect(try claim().isHeld)
    }

    /// What another has taken over is not given back by the one that had it.
    @Test func onlyTheHolderGivesAClaimBack() throws {
        let first = try claim()
        #expect(rename(directory(".millrace-claim"), directory("away")) == 0)
        let second = try claim()
        first.release()
        #expect(directory.files().contains(".millrace-claim/holder"))
        try second.verify()
        #expect(second.isHeld)
    }

    /// Between looking at a dead claim and taking it away another process has taken the folder over: its claim goes back.
    @Test func aClaimThatIsTakenOverMeanwhileGoesBack() throws {
        _ = try claim()
        try edit { $0["pid"] = 4_194_303 }
        let path = folder.appending(".millrace-claim")
        let other = Mutex<FolderClaim?>(nil)
        let isFirst = Atomic(true)
        let (folder, timing) = (folder, timing)
        let message = #expect(throws: FileSystemError.self) {
            try DiskObservers.observe(
                below: folder,
                { act in
                    guard case .rename(path, _) = act, isFirst.exchange(false, ordering: .relaxed) else { return nil }
                    let made = try? FolderClaim(folder, .spool, as: ClaimHolder(root: "/quicker", since: "now"), timing: timing)
                    other.withLock { $0 = made }
                    return nil
                }
            ) { try claim() }
        }
        #expect(message.map { "\($0)".contains("--root /quicker") } == true, "\(String(describing: message))")
        let quicker = try #require(other.withLock { $0 })
        #expect(try FolderClaim.look(path)?.holder?.root == "/quicker")
        try quicker.verify()
        #expect(quicker.isHeld)
    }

    /// Daemons whose folders of one use lie in one another, at once and in turn; a dead one counts for nothing.
    @Test(arguments: [FolderClaim.Use.spool, .outputs]) func foldersAroundAndBelowAreOthersToo(use: FolderClaim.Use) throws {
        for name in ["a/b/c", "a/b2"] {
            try FileManager.default.createDirectory(atPath: directory(name), withIntermediateDirectories: true)
        }
        func claim(_ name: String, _ use: FolderClaim.Use, as holder: ClaimHolder? = nil) throws -> FolderClaim {
            try FolderClaim(folder.pushing(FilePath(name)), use, as: holder ?? ClaimHolder(root: "/\(name)", since: "now"), timing: timing)
        }
        let middle = try claim("a/b", use)
        for (name, word) in [("a", "holds"), ("a/b/c", "lies in")] {
            let message = #expect(throws: FileSystemError.self) { try claim(name, use) }
            #expect(message.map { "\($0)".contains(word) && "\($0)".contains("--root /a/b") } == true, "\(String(describing: message))")
        }
        #expect(directory.files() == ["a/b/\(use.name)/holder"], "who is refused leaves nothing")
        // A chain: what one publishes, another reads.
        for name in ["a", "a/b/c"] {
            let chained = try claim(name, use == .spool ? .outputs : .spool)
            #expect(chained.isHeld)
            chained.release()
        }
        // Beside it there is no matter, nor are one's own folders.
        let me = ClaimHolder(root: "/me", since: "now")
        let beside = try claim("a/b2", use, as: me)
        middle.release()
        #expect(try claim("a", use, as: me).isHeld)
        #expect(beside.isHeld)
    }

    /// A process that was killed when it took a claim over leaves the old one on its way out.
    @Test(arguments: [true, false]) func whatATakeoverLeftIsRemoved(isClaimed: Bool) throws {
        _ = try claim()
        try edit { $0["pid"] = 4_194_303 }
        try FileManager.default.moveItem(atPath: directory(".millrace-claim"), toPath: directory(".millrace-claim.stale"))
        if isClaimed {
            // And another one that died stands in its place.
            _ = try claim()
            try edit { $0["pid"] = 4_194_303 }
            #expect(mkdir(directory(".millrace-claim.stale"), 0o755) == 0)
        }
        #expect(try claim().isHeld)
        #expect(
            directory.files() == [".millrace-claim/holder"] && !FileManager.default.fileExists(atPath: directory(".millrace-claim.stale")))
    }

    /// The claim of a living process that a takeover moved away by mistake is not removed by others; that process takes it up itself.
    @Test func aLivingClaimOnItsWayOutIsLeftToItsHolder() throws {
        let first = try claim()
        try FileManager.default.moveItem(atPath: directory(".millrace-claim"), toPath: directory(".millrace-claim.stale"))
        let second = try claim()
        #expect(second.isHeld && directory.files() == [".millrace-claim.stale/holder", ".millrace-claim/holder"])
        #expect(throws: FileSystemError.self) { try first.verify() }
        second.release()
        try first.beat()
        #expect(first.isHeld && directory.files() == [".millrace-claim/holder"])
    }

    /// Another machine, or another container: only its signs of life can be seen.
    @Test(arguments: [true, false]) func aHolderElsewhereIsKnownByItsSignsOfLife(lives: Bool) throws {
        let first = try claim()
        try edit { $0["boot"] = "another" }
        let isOver = Atomic(false)
        let beats = Thread { [directory] in
            while lives, !isOver.load(ordering: .relaxed) {
                utimensat(AT_FDCWD, directory(".millrace-claim/holder"), nil, 0)
                usleep(100_000)
            }
        }
        beats.start()
        defer { isOver.store(true, ordering: .relaxed) }
        if lives {
            #expect(throws: FileSystemError.self) { try claim() }
            return
        }
        let second = try claim()
        #expect(second.isHeld)
        // The first one was only silent: before it lands anything it finds out.
        #expect(throws: FileSystemError.self) { try first.verify() }
        #expect(throws: FileSystemError.self) { try first.verify() }
        #expect(!first.isHeld)
        try second.verify()
        #expect(second.isHeld)
        second.release()
        try first.verify()
        #expect(first.isHeld, "free again")
    }

    @Test func aCopyOfAClaimIsNone() throws {
        let other = try TemporaryDirectory("copied-from")
        let original = try FolderClaim(FilePath(other.path), .spool, as: ClaimHolder(root: "/other", since: ""), timing: timing)
        try FileManager.default.copyItem(atPath: other(".millrace-claim"), toPath: directory(".millrace-claim"))
        let second = try claim()
        #expect(second.isHeld)
        try original.verify()
        #expect(original.isHeld)
    }

    @Test func halfAClaimIsTakenOver() throws {
        #expect(mkdir(directory(".millrace-claim"), 0o755) == 0)
        #expect(try claim().isHeld)
    }

    /// As another user than root, who may write everywhere.
    @Test func aFolderThatCannotBeWrittenIsNotClaimed() throws {
        try directory.write("", to: "file")
        let claim = try FolderClaim(folder.appending("file"), .spool, as: ClaimHolder(root: "/", since: ""), timing: timing)
        #expect(!claim.isHeld)
        try claim.verify()
        try claim.beat()
        claim.release()
    }

    /// Many at once: one wins, however often.
    @Test func onlyOneOfManyTakesOverADeadClaim() throws {
        for _ in 0..<10 {
            _ = try claim()
            try edit { $0["pid"] = 4_194_303 }
            let winners = Mutex<[FolderClaim]>([])
            DispatchQueue.concurrentPerform(iterations: 6) { _ in
                if let claim = try? claim(), claim.isHeld { winners.withLock { $0.append(claim) } }
            }
            let held = winners.withLock { $0.filter { (try? $0.verify()) != nil && $0.isHeld } }
            #expect(held.count == 1)
            held.first?.release()
            #expect(directory.files().isEmpty)
        }
    }
}
