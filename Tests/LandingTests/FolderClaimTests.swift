import Foundation
import Glibc
@testable import Landing
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct FolderClaimTests {
    private let directory: TemporaryDirectory
    private let timing = FolderClaim.Timing(beat: .milliseconds(100), patience: .milliseconds(600))

    init() throws { directory = try TemporaryDirectory("claim") }

    private var folder: FilePath { FilePath(directory.path) }

    private func claim(_ use: FolderClaim.Use = .spool, as holder: ClaimHolder? = nil) throws -> FolderClaim {
        try FolderClaim(folder, use, as: holder ?? ClaimHolder(root: "/root-of-\(UUID().uuidString.prefix(4))", since: "now"), timing: timing)
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
        let message = #expect(throws: LandingError.self) { try claim() }
        #expect("\(try #require(message))".contains("pid \(getpid()) on host"))
        #expect("\(try #require(message))".contains("--root /first"))
        // The outputs of one may be the spool of another.
        #expect(try claim(.outputs).isHeld)
        #expect(directory.files() == [".millrace-claim/holder", "_millrace/claim/holder"])
        try first.beat()
        first.release()
        let second = try claim()
        #expect(second.isHeld)
        #expect(throws: LandingError.self) { try FolderClaim(folder, .spool, as: ClaimHolder(root: "/", since: ""), timing: timing) }
    }

    @Test func aClaimThatVanishedIsMadeAgain() throws {
        let first = try claim()
        try FileManager.default.removeItem(atPath: directory(".millrace-claim/holder"))
        try first.beat()
        #expect(first.isHeld)
        try FileManager.default.removeItem(atPath: directory(".millrace-claim"))
        try first.beat()
        #expect(first.isHeld && directory.files() == [".millrace-claim/holder"])
        #expect(throws: LandingError.self) { try claim() }
    }

    @Test func theClaimOfADeadProcessIsTakenOver() throws {
        _ = try claim()
        try edit { $0["pid"] = 4_194_303 }
        let start = ContinuousClock.now
        let second = try claim()
        #expect(second.isHeld && ContinuousClock.now - start < .milliseconds(300), "nobody is waited for")
        #expect(directory.files() == [".millrace-claim/holder"])
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
        #expect(directory.files() == [".millrace-claim/holder"] && !FileManager.default.fileExists(atPath: directory(".millrace-claim.stale")))
    }

    /// The claim of a living process that a takeover moved away by mistake is not removed by others; that process takes it up itself.
    @Test func aLivingClaimOnItsWayOutIsLeftToItsHolder() throws {
        let first = try claim()
        try FileManager.default.moveItem(atPath: directory(".millrace-claim"), toPath: directory(".millrace-claim.stale"))
        let second = try claim()
        #expect(second.isHeld && directory.files() == [".millrace-claim.stale/holder", ".millrace-claim/holder"])
        #expect(throws: LandingError.self) { try first.verify() }
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
            #expect(throws: LandingError.self) { try claim() }
            return
        }
        let second = try claim()
        #expect(second.isHeld)
        // The first one was only silent: before it lands anything it finds out.
        #expect(throws: LandingError.self) { try first.verify() }
        #expect(throws: LandingError.self) { try first.verify() }
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
