import Arrivals
import Attempts
import Daemon
import FileSystem
import Foundation
import Ledger
import PipelineConfig
import Reasons
import SystemPackage
import TestSupport
import Testing

/// What becomes of the file when its attempt has ended, over a real disk.
@Suite struct AttemptOutcomeTests {
    @Test func filesStartOneByOneUntilOneWithRowsIsScored() throws {
        let world = try DiskWorld()
        try world.publishModel()
        for name in ["a", "b", "c", "d"] { try world.drop(.data, name + ".csv", "id,x\n") }
        func answer(rows: Int64) throws -> Int { try world.round { try world.wrote(["": "id,y\n\($0.run)\n"], $0, rows: rows) }.count }
        #expect(try answer(rows: 0) == 1)
        #expect(try answer(rows: 1) == 1)
        #expect(try answer(rows: 1) == 2)
    }

    /// Two files that run together may find other types for a kept column: the second is read again with those of the first.
    @Test func aFileThatWasReadBeforeItsTypesWereKnownIsReadAgain() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "first.csv", "id,x\n0,1\n")
        try world.round { try world.wrote(["": "id,y\n0,2\n"], $0, rows: 1) }
        for name in ["a", "b"] { try world.drop(.data, name + ".csv", "id,x\n\(name),1\n") }
        let together = try world.round { spec in
            var answer = try world.wrote(["": "id,y\n\(spec.run),2\n"], spec, rows: 1)
            answer.types = ["id": spec.data?.path.hasSuffix("a.csv") == true ? "int64" : "string"]
            return answer
        }
        #expect(together.count == 2)
        #expect(try world.state("a.csv") == .done && world.state("b.csv") == .waiting)
        let again = try world.round { try world.wrote(["": "id,y\n\($0.run),2\n"], $0, rows: 1) }
        #expect(again.map(\.types) == [["id": "int64"]] && again.map(\.attempt) == [2])
        #expect(try world.state("b.csv") == .done)
    }

    // MARK: What cells hold

    private static let showing = "\nprivacy: { show_values: true }\n"

    private func told(_ world: DiskWorld, _ spec: AttemptSpec) -> AttemptResult {
        AttemptResult(
            failure: Failure(.badInput, what: "\(cell: "Zoe1987") is no number", place: spec.data?.path ?? "", remedy: "Mend it."))
    }

    private func places(of text: String, in world: DiskWorld) throws -> [String] {
        try world.directory.files().filter { try Data(world.directory.read($0)).range(of: Data(text.utf8)) != nil }
    }

    /// Whatever an attempt answers, or is said of its process: it is stored only where the pipeline as it is now shows it.
    @Test func valuesAreStoredOnlyWhereThePipelineShowsThem() throws {
        for (yaml, isTold) in [(DiskWorld.yaml, false), (DiskWorld.yaml + Self.showing, true)] {
            let world = try DiskWorld(yaml)
            try world.publishModel()
            try world.drop(.data, "a.csv", "id,x\na,Zoe\n")
            try world.round { told(world, $0) }
            #expect(try world.state("a.csv") == .quarantined)
            let places = try places(of: "Zoe1987", in: world)
            #expect(places.contains { $0.hasSuffix(".reason.json") } == isTold && places.isEmpty != isTold, "\(places)")
        }
    }

    /// The next daemon, and an edit, erase what was stored while it was shown.
    @Test func valuesThatAreNotShownAnyMoreAreErased() throws {
        let world = try DiskWorld(DiskWorld.yaml + Self.showing)
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,Zoe\n")
        try world.round { told(world, $0) }
        #expect(try places(of: "Zoe1987", in: world).count > 1)
        try world.dispatcher.use([PipelineFile.read(Array(DiskWorld.yaml.utf8), source: "p.yaml", root: world.directory.path)])
        #expect(try places(of: "Zoe1987", in: world) == [])
        #expect(try world.directory.files().contains { $0.hasSuffix("a.csv.reason.json") } && world.state("a.csv") == .quarantined)
    }

    // MARK: Attempts that come to nothing

    @Test(arguments: [Failure.Kind.resource, .badInput, .machine, .inputChanged, .cancelled])
    func whatAFailedAttemptStagedIsRemoved(kind: Failure.Kind) throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        let specs = try world.round { spec in
            _ = try world.wrote(["": "half"], spec)
            #expect(world.leftovers.count == 1)
            return world.failed(kind, spec)
        }
        #expect(specs.count == 1 && world.leftovers.isEmpty, "\(world.leftovers)")
    }

    /// An output that cannot be synced is tried again, while what landed in the same round is done.
    @Test func anOutputThatCannotBeSyncedIsTriedAgain() throws {
        let world = try DiskWorld()
        try world.publishModel()
        // The first file fixes columns and types for the others, so that it runs alone.
        try world.drop(.data, "first.csv", "id,x\n0,1\n")
        try world.round { try world.wrote(["": "id,y\n0,2\n"], $0, rows: 1) }
        for name in ["a", "b", "c"] { try world.drop(.data, name + ".csv", "id,x\n\(name),1\n") }
        func answer(_ spec: AttemptSpec) throws -> AttemptResult { try world.wrote(["": "id,y\n\(spec.run),2\n"], spec, rows: 1) }
        let failing = try DiskObservers.observe(
            below: FilePath(world.directory.path),
            { act in
                // Of the second file, whose run is the fourth.
                guard case .sync(let path) = act, path.lastComponent?.string.hasPrefix("4-1-") == true else { return nil }
                return .ioError
            }
        ) { try world.round(answer) }
        #expect(failing.count == 3)
        #expect(try ["a", "b", "c"].map { try world.state($0 + ".csv") } == [.done, .waiting, .done])
        #expect(!FileManager.default.fileExists(atPath: world.directory("out/outputs/b.csv")))
        let again = try world.round(answer)
        #expect(again.map(\.attempt) == [2])
        #expect(try world.state("b.csv") == .done && world.leftovers.isEmpty)
    }

    /// New content goes where the first went (SEMANTICS 14); after an edit of the folder it goes where it belongs now.
    @Test func inAnotherFolderAnOutputGoesWhereItBelongsNow() throws {
        let yaml = DiskWorld.yaml.replacing("format: csv", with: "format: csv, partition_by: [version]")
        let world = try DiskWorld(yaml)
        func outputs() -> [String] { world.directory.files().filter { $0.hasPrefix("out/") && $0.hasSuffix(".csv") } }
        func score() throws { try world.round { try world.wrote(["": "id,y\n\($0.run),2\n"], $0, rows: 1) } }
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        try score()
        try world.drop(.model, "n.onnx", "other")
        try world.round { try world.wrote(["model.onnx": "other"], $0) }
        try world.drop(.data, "a.csv", "id,x\na,5\n")
        try score()
        #expect(outputs() == ["out/outputs/version=1/a.csv"])
        try world.restart(yaml: yaml.replacing("path: out/outputs", with: "path: out/moved"))
        try world.ask(.replay(Selection(pipeline: "p", path: "a.csv")))
        try score()
        #expect(outputs() == ["out/moved/version=2/a.csv"])
    }

    @Test func aReasonThatCouldNotBeWrittenIsWrittenLater() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,word\n")
        try DiskObservers.observe(
            below: FilePath(world.directory.path),
            { act in
                if case .write(let path) = act, path.lastComponent?.string.hasPrefix("reason-") == true { .noSpace } else { nil }
            }
        ) { _ = try world.round { world.failed(.badInput, $0) } }
        #expect(try world.state("a.csv") == .quarantined && !world.directory.files().contains { $0.hasSuffix("a.csv.reason.json") })
        try world.dispatcher.tryAgain(at: world.now)
        let what = try #require(try world.json("quarantine/p/a.csv.reason.json")["what"] as? String)
        #expect(what.hasSuffix("the test says so"), "\(what)")
    }

    /// An attempt that the daemon took back at its end is none of the attempts that a file has.
    @Test func anAttemptThatIsHandedBackDoesNotCount() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "a.csv", "id,x\na,1\n")
        for _ in 0..<3 {
            let specs = try world.round { world.failed(.cancelled, $0) }
            #expect(specs.count == 1)
            #expect(try world.state("a.csv") == .waiting)
            try world.restart()
        }
        // Of two attempts this is the first.
        try world.round { world.failed(.resource, $0) }
        #expect(try world.state("a.csv") == .waiting)
        try world.round { world.failed(.resource, $0) }
        #expect(try world.state("a.csv") == .quarantined)
    }
}
