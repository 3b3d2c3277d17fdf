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

/// An output that has its name and no line in the manifest is finished, here and by the next daemon.
@Suite struct MissingManifestLineTests {
    private func digest(_ text: String) -> String { FileDigest.of(bytes: text.utf8) }

    /// A round gave an output its name and could not write the manifest; then the input is replaced, perhaps by bad content. No output is
    /// left without a line, and none is replaced that is not ours.
    @Test(arguments: [false, true], [false, true]) func anOutputGetsItsManifestLineBeforeNewContent(isRestarted: Bool, isBad: Bool) throws {
        let world = try unfinished()
        try world.drop(.data, "a.csv", "id,x\na,50\n")
        // As long as the machine does not let the manifest be written the next daemon cannot do it either.
        try withoutManifest(world) {
            if isRestarted { try world.restart() }
            try world.dispatcher.tryAgain(at: world.now)
        }
        #expect(manifest(world) == [])
        world.now = world.now.advanced(by: .seconds(60))
        try world.dispatcher.tryAgain(at: world.now)
        #expect(manifest(world) == [digest("id,y\na,2\n")])
        try world.round { isBad ? world.failed(.badInput, $0) : try world.wrote(["": "id,y\na,51\n"], $0, rows: 1) }
        #expect(try world.state("a.csv") == (isBad ? .quarantined : .done))
        #expect(try world.directory.read("out/outputs/a.csv") == Array("id,y\na,\(isBad ? 2 : 51)\n".utf8))
        #expect(manifest(world) == [digest("id,y\na,2\n")] + (isBad ? [] : [digest("id,y\na,51\n")]))
    }

    /// The output that has its name is not made again, and what waits for time is waited for.
    @Test func anOutputWithoutItsManifestLineIsFinished() throws {
        let world = try unfinished()
        #expect(world.dispatcher.nextWake() != nil && world.dispatcher.nextWake(awaitingMachineUntil: .init(milliseconds: 0)) == nil)
        #expect(try world.round { _ in throw Unexpected() }.isEmpty)
        try world.dispatcher.tryAgain(at: world.now)
        #expect(try world.state("a.csv") == .done && manifest(world) == [digest("id,y\na,2\n")])
        #expect(world.dispatcher.nextWake() == nil && world.leftovers.isEmpty)
    }

    /// Where someone has removed the output meanwhile, it is made again.
    @Test func anUnfinishedOutputThatIsGoneIsMadeAgain() throws {
        let world = try unfinished()
        try FileManager.default.removeItem(atPath: world.directory("out/outputs/a.csv"))
        try world.dispatcher.tryAgain(at: world.now)
        world.now = world.now.advanced(by: .seconds(10))
        try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) }
        #expect(try world.state("a.csv") == .done && manifest(world) == [digest("id,y\na,2\n")])
    }

    private struct Unexpected: Error {}

    /// A world where the output of `a.csv` has its name and no line in the manifest.
    private func unfinished() throws -> DiskWorld {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        try withoutManifest(world) { _ = try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) } }
        #expect(try world.directory.read("out/outputs/a.csv") == Array("id,y\na,2\n".utf8))
        #expect(try world.state("a.csv") == .running && manifest(world) == [])
        return world
    }

    private func withoutManifest(_ world: DiskWorld, _ body: () throws -> Void) throws {
        try DiskObservers.observe(
            below: FilePath(world.directory.path),
            { act in
                if case .write(let path) = act, path.lastComponent?.string.hasPrefix("manifest-") == true { .permissionDenied } else { nil }
            }, while: body)
    }

    /// The digests of the outputs that the manifest tells of.
    private func manifest(_ world: DiskWorld) -> [String] {
        let lines = world.directory.files().filter { $0.hasPrefix("out/outputs/_millrace/manifest-") }
            .flatMap { String(decoding: (try? world.directory.read($0)) ?? [], as: UTF8.self).split(separator: "\n") }
        return lines.map { (try? world.json(text: String($0))["output_digest"] as? String) ?? "unreadable" }
    }
}
