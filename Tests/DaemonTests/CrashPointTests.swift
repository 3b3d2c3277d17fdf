import Arrivals
import Attempts
import FileSystem
import Foundation
import Ledger
import PipelineConfig
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Daemon

/// What the next daemon makes of a ledger as it stood at one moment, when the one before it died there.
@Suite struct CrashPointTests {
    /// Runs `body` and keeps the ledger's files as they are before the first act that `isMoment` takes.
    private func crashing(_ world: DiskWorld, at isMoment: @escaping @Sendable (DiskAct) -> Bool, _ body: () throws -> Void) throws {
        let (from, to) = (world.directory(".millrace"), world.directory("crashed"))
        let isKept = Atomic(false)
        try DiskObservers.observe(
            below: FilePath(world.directory.path),
            { act in
                guard isMoment(act), !isKept.exchange(true, ordering: .relaxed) else { return nil }
                try? FileManager.default.createDirectory(atPath: to, withIntermediateDirectories: true)
                for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
                    try? FileManager.default.copyItem(atPath: from + "/" + name, toPath: to + "/" + name)
                }
                return nil
            }, while: body)
        let wasKept = isKept.load(ordering: .relaxed)
        #expect(wasKept)
    }

    /// The types that the first file fixed stand in its manifest line, also where that line is written by the next daemon: a lost ledger is
    /// restored with them.
    @Test func whatIsFinishedAfterACrashCarriesItsPins() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        try crashing(
            world, at: { if case .write(let path) = $0 { path.lastComponent?.string.hasPrefix("manifest-") == true } else { false } }
        ) {
            try world.round { spec in
                var answer = try world.wrote(["": "id,y\na,2\n"], spec, rows: 1)
                (answer.columns, answer.types) = (["x": ["x"]], ["id": "string"])
                return answer
            }
        }
        let manifest = try #require(world.directory.files().first { $0.hasPrefix("out/outputs/_millrace/manifest-") })
        let written = try world.directory.read(manifest)
        try FileManager.default.removeItem(atPath: world.directory(manifest))
        try world.restart(stateDirectory: world.directory("crashed"))
        #expect(try world.state("a.csv") == .done)
        let line = try world.json(text: String(decoding: try world.directory.read(manifest), as: UTF8.self))
        #expect((line["pins"] as? NSObject) == (["columns": ["x": ["x"]], "types": ["id": "string"]] as NSDictionary), "\(line)")
        let before = try world.json(text: String(decoding: written, as: UTF8.self))
        #expect(line["output_digest"] as? String == before["output_digest"] as? String)
    }

    /// What the next daemon finishes is told as if this one had: each event once, in the transaction that makes it so.
    @Test func whatIsFinishedAfterACrashIsTold() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        let before = try world.ledger.events(after: 0).count
        try crashing(
            world, at: { if case .write(let path) = $0 { path.lastComponent?.string.hasPrefix("manifest-") == true } else { false } }
        ) {
            try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) }
        }
        let expected = try world.ledger.events(after: 0)
        try world.restart(stateDirectory: world.directory("crashed"))
        let told = try world.ledger.events(after: 0)
        #expect(told.count > before && told.map(\.kind) == expected.map(\.kind) && told.map(\.payload) == expected.map(\.payload))
    }

    @Test func aVersionThatIsFoundAfterACrashIsTold() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.model, "n.onnx", "other")
        let landed = FilePath(world.directory("out/models/2"))
        try crashing(world, at: { if case .rename(_, landed) = $0 { true } else { false } }) {
            try world.round { try world.wrote(["model.onnx": "other"], $0) }
        }
        let expected = try world.ledger.events(after: 0)
        try world.restart(stateDirectory: world.directory("crashed"))
        let told = try world.ledger.events(after: 0)
        #expect(told.map(\.kind) == expected.map(\.kind) && told.map(\.payload) == expected.map(\.payload))
        #expect(told.contains { $0.kind == "published" && $0.payload == "{\"version\":2}" })
    }

    /// A version that the ledger has let go, and that still stands since the daemon was killed, goes with the next start.
    @Test func whatWasLetGoBeforeACrashGoes() throws {
        let world = try DiskWorld(DiskWorld.yaml.replacing("models: out/models", with: "models: { path: out/models, keep: 1 }"))
        try world.publishModel()
        let (version, aside) = (world.directory("out/models/1"), world.directory("aside"))
        try FileManager.default.copyItem(atPath: version, toPath: aside)
        try world.drop(.model, "n.onnx", "other")
        try world.round { try world.wrote(["model.onnx": "other"], $0) }
        try #require(!FileManager.default.fileExists(atPath: version))
        try FileManager.default.moveItem(atPath: aside, toPath: version)
        try world.restart()
        #expect(!FileManager.default.fileExists(atPath: version) && FileManager.default.fileExists(atPath: world.directory("out/models/2")))
    }

    /// A version that landed while another was pinned is not put in force by the daemon that finds it.
    @Test func aPinHoldsWhenAVersionIsFoundAfterACrash() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.ask(.pin(pipeline: "p", version: 1))
        #expect(try world.directory.read("out/models/_millrace/pinned") == Array("1\n".utf8))
        try world.drop(.model, "n.onnx", "other")
        let landed = FilePath(world.directory("out/models/2"))
        try crashing(world, at: { if case .rename(_, landed) = $0 { true } else { false } }) {
            try world.round { try world.wrote(["model.onnx": "other"], $0) }
        }
        #expect(try world.directory.read("out/models/ACTIVE") == Array("1\n".utf8))
        try world.restart(stateDirectory: world.directory("crashed"))
        #expect(try world.ledger.versions(pipeline: "p").compactMap(\.version) == [1, 2])
        #expect(try world.ledger.activeVersion(pipeline: "p") == 1)
        #expect(try world.directory.read("out/models/ACTIVE") == Array("1\n".utf8))
        try world.ask(.unpin(pipeline: "p"))
        #expect(!FileManager.default.fileExists(atPath: world.directory("out/models/_millrace/pinned")))
    }

    /// The pipeline is edited while it is down: what was begun is finished where it was meant to be, and as what made it.
    @Test func whatWasIntendedIsFinishedUnderItsOwnRevision() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        let target = FilePath(world.directory("out/outputs/a.csv"))
        let revision = world.pipeline.revision.full
        // Before the rename: the output is staged, and the ledger knows that it comes.
        try crashing(world, at: { if case .rename(_, target) = $0 { true } else { false } }) {
            try world.round { try world.wrote(["": "id,y\na,2\n"], $0, rows: 1) }
        }
        let staged = world.directory(".millrace/staging/work/2-1-output.csv")
        try FileManager.default.moveItem(atPath: target.string, toPath: staged)
        try FileManager.default.removeItem(atPath: world.directory("out/outputs/_millrace"))
        try world.restart(
            stateDirectory: world.directory("crashed"), yaml: DiskWorld.yaml.replacing("format: csv", with: "format: jsonl"))
        #expect(world.pipeline.revision.full != revision)
        #expect(try world.state("a.csv") == .done)
        #expect(try world.directory.read("out/outputs/a.csv") == Array("id,y\na,2\n".utf8))
        let manifest = try #require(world.directory.files().first { $0.hasPrefix("out/outputs/_millrace/manifest-") })
        #expect(String(decoding: try world.directory.read(manifest), as: UTF8.self).contains(revision))
    }
}
