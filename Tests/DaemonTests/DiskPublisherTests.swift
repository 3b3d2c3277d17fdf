import Arrivals
import Attempts
import Daemon
import FileSystem
import Foundation
import Ledger
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import TestSupport
import Testing

/// What the daemon writes beside outputs and models, field by field.
@Suite struct DiskPublisherTests {
    private func digest(_ text: String) -> String { FileDigest.of(bytes: text.utf8) }

    private func timestamp(_ text: Any?) -> Bool {
        (text as? String)?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil
    }

    /// - Parameter trial: what the executor found when it ran the model.
    @Test(arguments: [
        (AttemptResult.Trial.noRowsKnown, "ungated: no rows are known", "ungated"),
        (.ran(rows: 3, of: "abc"), "ran on 3 rows of abc", "passed"),
    ])
    func aModelsCardSaysWhatItIs(trial: AttemptResult.Trial, wording: String, verdict: String) throws {
        let world = try DiskWorld()
        try world.drop(.model, "sub/m.onnx", "graph")
        let files = ["model.onnx": "graph", "w.bin": "weights"]
        let specs = try world.round { try world.wrote(files, $0, trial: trial, operatorSets: ["ai.onnx": 17, "ai.onnx.ml": 3]) }
        try #require(specs.count == 1)
        var card = try world.json("out/models/1/card.json")
        #expect(timestamp(card.removeValue(forKey: "published_at")))
        let engine = try #require(card.removeValue(forKey: "engine") as? [String: String])
        #expect(engine["name"] == "ONNX Runtime" && engine["version"]?.contains(".") == true)
        expect(
            card,
            is: [
                "pipeline": "p", "version": 1, "revision": world.pipeline.revision.full, "verdict": verdict, "arrival": 1,
                "arrival_path": "sub/m.onnx",
                "arrival_digest": digest("graph"), "tool": ["name": "millrace", "version": toolVersion], "run": specs[0].run,
                "opset": ["ai.onnx": 17, "ai.onnx.ml": 3], "decisions": ["trial": wording],
                // Weights first, then the graph.
                "files": [
                    ["path": "w.bin", "digest": digest("weights"), "bytes": 7],
                    ["path": "model.onnx", "digest": digest("graph"), "bytes": 5],
                ] as [[String: any Sendable]],
            ])
        #expect(try world.directory.read("out/models/ACTIVE") == Array("1\n".utf8))
        #expect(world.leftovers.isEmpty, "\(world.leftovers)")
        try world.drop(.model, "n.onnx", "other")
        try world.round { try world.wrote(["model.onnx": "other"], $0) }
        #expect(try world.directory.read("out/models/ACTIVE") == Array("2\n".utf8))
    }

    @Test func aTrainedModelsCardSaysWhatItCameFrom() throws {
        let world = try DiskWorld(
            """
            name: p
            spool: { models: spool/models, labelled: spool/labelled }
            schema: { key: [id], label: y }
            stages:
              - deserialize: {}
              - optimize: { gradient: { loss: mean_squared_error }, gate: { metric: mae, drop_at_most: 0 } }
            land: { models: out/models }
            """)
        try world.drop(.model, "m.onnx", "graph")
        try world.round { try world.wrote(["model.onnx": "graph"], $0, trial: .noRowsKnown) }
        try world.drop(.labelled, "l.csv", "id,x,y\n")
        let specs = try world.round { spec in
            var answer = try world.wrote(["model.onnx": "tuned"], spec)
            answer.training = TrainingReport(
                gate: .init(metric: "mae", before: 2, after: 0.5, dropAtMost: 0, rows: 40), lossPerEpoch: [3, 1],
                trainingData: [.init(path: "l.csv", digest: digest("id,x,y\n"), rows: 200)], hyperParameters: ["epochs": .integer(2)],
                decisions: ["gradient_forms": .table(["node": .text("product")])],
                unusable: [.init(arrival: 7, failure: Failure(.badInput, what: "no number", place: "bad.csv", remedy: "Mend it."))])
            return answer
        }
        try #require(specs.map(\.goal) == [.fineTune])
        var card = try world.json("out/models/2/card.json")
        card["published_at"] = nil
        card["engine"] = nil
        expect(
            card,
            is: [
                "pipeline": "p", "version": 2, "revision": world.pipeline.revision.full, "verdict": "passed", "arrival": 2,
                "arrival_path": "l.csv",
                "arrival_digest": digest("id,x,y\n"), "tool": ["name": "millrace", "version": toolVersion], "run": specs[0].run,
                "opset": [:] as [String: Int], "parent": ["version": 1, "digest": digest("graph")] as [String: any Sendable],
                "float_parent": ["digest": digest("tuned")],
                "gate": ["metric": "mae", "before": 2, "after": 0.5, "drop_at_most": 0, "rows": 40] as [String: any Sendable],
                "loss_per_epoch": [3, 1], "hyper_parameters": ["epochs": 2],
                "training_data": [["path": "l.csv", "digest": digest("id,x,y\n"), "rows": 200]] as [[String: any Sendable]],
                "decisions": [
                    "gradient_forms": ["node": "product"],
                    "unusable_labels": [["arrival": 7, "place": "bad.csv", "reason": "no number", "remedy": "Mend it."]]
                        as [[String: any Sendable]],
                ] as [String: any Sendable],
                "files": [["path": "model.onnx", "digest": digest("tuned"), "bytes": 5]] as [[String: any Sendable]],
            ])
        // What training starts from next time is kept.
        #expect(try world.directory.read(".millrace/training/p/models/\(digest("tuned"))/model.onnx") == Array("tuned".utf8))
        #expect(try world.directory.read("out/models/ACTIVE") == Array("2\n".utf8))
    }

    @Test func anOutputsManifestLineSaysWhatItCameFrom() throws {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "sub/a.csv", "id,x\na,1\n")
        let specs = try world.round { spec in
            var answer = try world.wrote(["": "id,y\na,2\n"], spec, rows: 1)
            answer.columns = ["x": ["x"]]
            answer.types = ["id": "string"]
            return answer
        }
        try world.drop(.data, "b.csv", "id,x\nb,1\n")
        try world.round { try world.wrote(["": "id,y\nb,2\n"], $0, rows: 1) }
        let manifest = try #require(world.directory.files().first { $0.hasPrefix("out/outputs/_millrace/manifest-") })
        #expect(manifest.hasSuffix("-p.jsonl"))
        let lines = String(decoding: try world.directory.read(manifest), as: UTF8.self).split(separator: "\n")
        try #require(lines.count == 2 && specs.count == 1)
        var line = try world.json(text: String(lines[0]))
        #expect(timestamp(line.removeValue(forKey: "published_at")))
        expect(
            line,
            is: [
                "path": "sub/a.csv", "output_digest": digest("id,y\na,2\n"), "bytes": 9, "rows": 1, "pipeline": "p", "input": "sub/a.csv",
                "input_digest": digest("id,x\na,1\n"), "model_version": 1, "model_digest": digest("graph"),
                "revision": world.pipeline.revision.full, "arrival": 2, "run": specs[0].run,
                "pins": ["columns": ["x": ["x"]], "types": ["id": "string"]] as [String: any Sendable],
            ])
        // The file that came second has pinned nothing.
        let second = try world.json(text: String(lines[1]))
        #expect(second["pins"] == nil && second["input"] as? String == "b.csv" && second["arrival"] as? Int == 3)
        #expect(try world.directory.read("out/outputs/sub/a.csv") == Array("id,y\na,2\n".utf8))
        #expect(world.leftovers.isEmpty, "\(world.leftovers)")
    }

    /// Files start one by one until one with rows has fixed columns and types: those without rows fix nothing.
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

    // MARK: Inputs that are done

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

    // MARK: Files that change or go while they are worked on

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
