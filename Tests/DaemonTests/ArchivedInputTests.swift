import Arrivals
import Attempts
import Daemon
import FileSystem
import Foundation
import Ledger
import Reasons
import SystemPackage
import TestSupport
import Testing

/// Inputs that are archived, that could not be, and that go or change before they are.
@Suite struct ArchivedInputTests {
    private static let archiving = DiskWorld.yaml + "\nafter: archive\narchive: archive\n"

    /// A world where `a.csv` is scored and the disk did not let it be archived.
    private func undisposed() throws -> DiskWorld {
        let world = try DiskWorld(Self.archiving)
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        let input = FilePath(world.directory("spool/data/a.csv"))
        try DiskObservers.observe(
            below: FilePath(world.directory.path),
            { act in
                if case .rename(input, _) = act { .readOnlyFileSystem } else { nil }
            }
        ) { _ = try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) } }
        #expect(try world.state("a.csv") == .done && FileManager.default.fileExists(atPath: input.string))
        return world
    }

    private func isArchived(_ world: DiskWorld) -> Bool {
        (try? world.directory.read("archive/a.csv")) == Array("id,x\na,1\n".utf8) && world.leftovers.isEmpty
            && !FileManager.default.fileExists(atPath: world.directory("spool/data/a.csv"))
    }

    @Test func anInputThatCouldNotBeArchivedIsArchivedLater() throws {
        let world = try undisposed()
        try world.dispatcher.tryAgain(at: world.now)
        #expect(isArchived(world), "\(world.directory.files())")
    }

    /// Killed between the ledger's close and the archive, the next daemon's scan finds it.
    @Test func anInputThatAnEarlierDaemonLeftIsArchived() throws {
        let world = try undisposed()
        try world.restart()
        let stamp = try FileDigest.of(FilePath(world.directory("spool/data/a.csv"))).stamp
        func stands(_ size: Int64) throws {
            try world.dispatcher.foundKnown(
                SpoolPlace("p/data", "a.csv"), .init(device: stamp.device, inode: stamp.inode, size: size, changed: stamp.changed),
                at: world.now)
        }
        // Another content under that name is not done.
        try stands(stamp.size + 1)
        #expect(FileManager.default.fileExists(atPath: world.directory("spool/data/a.csv")))
        try stands(stamp.size)
        #expect(isArchived(world), "\(world.directory.files())")
    }

    /// What waits for its score is not done, though the ledger knows it.
    @Test func anInputThatWaitsIsLeftAlone() throws {
        let world = try DiskWorld(Self.archiving)
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        let stamp = try FileDigest.of(FilePath(world.directory("spool/data/a.csv"))).stamp
        try world.dispatcher.foundKnown(
            SpoolPlace("p/data", "a.csv"),
            .init(device: stamp.device, inode: stamp.inode, size: stamp.size, changed: stamp.changed),
            at: world.now)
        #expect(FileManager.default.fileExists(atPath: world.directory("spool/data/a.csv")))
    }

    /// The file was changed while it was read, and is removed before it settles: by this daemon's time or while none runs.
    @Test(arguments: [false, true]) func aFileThatIsRemovedBeforeItSettlesIsLetGo(isRestarted: Bool) throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        try world.round { world.failed(.inputChanged, $0) }
        try world.dispatcher.tryAgain(at: world.now)
        #expect(try world.state("a.csv") == .waiting, "it may settle yet")
        try FileManager.default.removeItem(atPath: world.directory("spool/data/a.csv"))
        if isRestarted { try world.restart() }
        try world.dispatcher.tryAgain(at: world.now)
        #expect(try world.state("a.csv") == .ignored)
        // Dropped again, it is done.
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) }
        #expect(try world.state("a.csv") == .done)
    }

    /// A daemon was killed when it had moved a bad file to quarantine, and earlier content of the same name is in the archive: the next one
    /// reads that which was numbered.
    @Test func theContentThatWasNumberedIsReadWhereEarlierContentWasArchived() throws {
        let world = try DiskWorld(Self.archiving)
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) }
        #expect(isArchived(world))
        try world.drop(.data, "a.csv", "id,x\na,word\n")
        let started = try world.dispatcher.assignments(at: world.now)
        #expect(started.count == 1)
        let quarantine = world.directory("quarantine/p")
        try FileManager.default.createDirectory(atPath: quarantine, withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: world.directory("spool/data/a.csv"), toPath: quarantine + "/a.csv")
        try world.restart()
        let again = try world.round { world.failed(.badInput, $0) }
        #expect(again.map { $0.data?.path } == [quarantine + "/a.csv"])
        #expect(try world.state("a.csv") == .quarantined && world.directory.files().contains("quarantine/p/a.csv.reason.json"))
    }

}
