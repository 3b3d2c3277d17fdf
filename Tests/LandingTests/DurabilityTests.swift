import FileSystem
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// Nothing has its final name before its bytes are on the disk, and nobody is told of it before the name is: the order of what is asked of
/// the disk, without a power failure. `EndToEndTests/TraceTests` sees the same of a whole process by `strace`.
@Suite struct DurabilityTests {
    /// One file and three are synced each by itself, twenty by one sync of their file system.
    @Test(arguments: [1, 3, 20])
    func outputsAreSyncedBeforeTheyAreSeenAndNamesBeforeTheyAreTold(count: Int) throws {
        let scene = try Scene("durable")
        let acts = Acts()
        let outputs = try (0..<count).map { try scene.stage("sub/\($0).csv", "row \($0)", run: Int64($0)) }
        try acts.record(below: scene.folder.path) {
            let results = try scene.round().publish(
                outputs,
                intend: {
                    acts.note("intend")
                    return allow($0)
                })
            acts.note("close")
            #expect(try results.map { try $0.get().run } == outputs.map(\.run))
        }
        let manifest = try acts.first { $0.isWriteOfManifest }
        for output in outputs {
            let named = try acts.first(.rename(output.staged, to: output.target))
            #expect(
                acts.has(.sync(output.staged), in: 0..<named) || acts.has(.syncFileSystem(scene.area.path), in: 0..<named),
                "\(output.target)")
            #expect(try acts.note(named: "intend") < named, "the ledger knows of it before it is seen")
            #expect(named < manifest && acts.has(.sync(output.target.removingLastComponent()), in: named..<manifest), "\(acts.all)")
        }
        // The directory that was made is a new name in the one above.
        #expect(acts.has(.sync(scene.out), in: 0..<manifest))
        guard case .act(.write(let file)) = acts.all[manifest] else { return }
        let closed = try acts.note(named: "close")
        #expect(acts.has(.sync(file), in: manifest..<closed), "\(acts.all)")
        #expect(acts.has(.sync(file.removingLastComponent()), in: manifest..<closed), "the manifest is a new name")
    }

    /// What was staged when the process died is synced again before it gets its name, since nobody knows whether it was.
    @Test func whatIsRecoveredIsSyncedFirst() throws {
        let scene = try Scene("recovered")
        let staged = try scene.stage("a.csv", "one", run: 1)
        let acts = Acts()
        let recovered = try acts.record(below: scene.folder.path) { try scene.round().recover([staged]) }
        guard case .landed? = recovered.first else {
            Issue.record("it is not landed: \(recovered)")
            return
        }
        let named = try acts.first(.rename(staged.staged, to: staged.target)), manifest = try acts.first { $0.isWriteOfManifest }
        #expect(acts.has(.sync(staged.staged), in: 0..<named) && acts.has(.sync(scene.out), in: named..<manifest), "\(acts.all)")
        // The same output found under its name: the name and the bytes may both have been in memory only.
        let again = Acts()
        _ = try again.record(below: scene.folder.path) { try scene.round().recover([staged]) }
        #expect(
            again.has(.sync(staged.target), in: 0..<again.all.count) && again.has(.sync(scene.out), in: 0..<again.all.count), "\(again.all)"
        )
    }

    @Test func aVersionIsSyncedBeforeItIsSeenAndItsNameBeforeActiveSaysIt() throws {
        let scene = try Scene("version")
        let models = ModelVersionDirectory(path: scene.root.appending("models"), area: scene.area)
        let directory = try scene.area.directory(run: 1, attempt: 1)
        for name in ["model.onnx", "model.onnx.data"] {
            try Data(name.utf8).write(to: URL(fileURLWithPath: directory.appending(name).string))
        }
        let acts = Acts()
        let staged = try acts.record(below: scene.folder.path) {
            let staged = try models.stage(
                run: 1, attempt: 1, files: ["model.onnx", "model.onnx.data"].map { .init(name: $0, staged: directory.appending($0)) },
                card: Card(
                    pipeline: "digits", version: 1, revision: "r", verdict: .ungated, arrival: 1, arrivalPath: "m.onnx", arrivalDigest: "d",
                    tool: .init(name: "millrace", version: "0.1")))
            try models.land(staged)
            try models.activate(1)
            return staged
        }
        let seen = try acts.first(.rename(staged.directory, to: models.directory(of: 1)))
        for name in ["model.onnx", "model.onnx.data", "card.json"] {
            let file = staged.directory.appending(name)
            // By the name that it has when the directory is renamed.
            let last = try #require(
                acts.all[..<seen].lastIndex { $0 == .act(.write(file)) || $0 == .act(.rename(directory.appending(name), to: file)) })
            #expect(acts.has(.sync(file), in: last..<seen), "\(name): \(acts.all)")
        }
        #expect(acts.has(.sync(staged.directory), in: 0..<seen))
        let active = try acts.first { if case .rename(_, let to) = $0 { to == models.path.appending("ACTIVE") } else { false } }
        let written = try acts.first(after: seen) { if case .write = $0 { true } else { false } }
        #expect(seen < written && written < active && acts.has(.sync(models.path), in: seen..<written), "\(acts.all)")
        guard case .act(.write(let beside)) = acts.all[written] else { return }
        #expect(acts.has(.sync(beside), in: written..<active) && acts.has(.sync(models.path), in: active..<acts.all.count))
    }

    @Test func anInputLeavesItsSpoolOnlyWhenThePlanIsDurable() throws {
        let scene = try Scene("leaves")
        let path = FilePath(try scene.folder.write("a", to: "root/spool/a.csv"))
        let found = try FileDigest.of(path), archive = scene.root.appending("archive")
        let input = SpoolFile(path: path, relative: "a.csv", digest: found.digest, stamp: found.stamp)
        let acts = Acts()
        let outcome = try acts.record(below: scene.folder.path) { try Disposal(.archive(archive), area: scene.area).dispose([input]) }
        #expect(outcome == .archived([archive.appending("a.csv")]))
        let taken = try acts.first { if case .rename(path, _) = $0 { true } else { false } }
        guard case .act(.rename(_, let held)) = acts.all[taken] else { return }
        let plan = held.removingLastComponent().appending("plan.new")
        #expect(acts.has(.sync(plan), in: 0..<taken) && acts.has(.sync(held.removingLastComponent()), in: 0..<taken), "\(acts.all)")
        #expect(acts.has(.sync(scene.area.held), in: 0..<taken))
        let archived = try acts.first(.rename(held, to: archive.appending("a.csv")))
        #expect(acts.has(.sync(archive), in: archived..<acts.all.count) && acts.has(.sync(scene.spool), in: archived..<acts.all.count))
    }

    @Test func whatIsKeptForTrainingIsSyncedBeforeItHasItsName() throws {
        let scene = try Scene("kept")
        let source = FilePath(try scene.folder.write("rows", to: "root/spool/l.csv"))
        let files = KeptFiles(work: scene.root.appending(".millrace"), pipeline: "p")
        let target = files.labels(digest("rows"), named: "l.csv"), model = files.model("m").removingLastComponent()
        let acts = Acts()
        let rows = try FileDigest.open(source)
        defer { try? rows.close() }
        try acts.record(below: scene.folder.path) {
            let folder = try HeldFolder(making: target.removingLastComponent())
            try folder.keep(rows, digest: digest("rows"), as: target.lastComponent?.string ?? "", named: source)
            try files.keepModel([(name: "model.onnx", path: source)], digest: "m")
        }
        for (named, file) in [(target, nil), (model, "model.onnx")] {
            let renamed = try acts.first { if case .rename(_, named) = $0 { true } else { false } }
            guard case .act(.rename(let from, _)) = acts.all[renamed] else { return }
            let content = file.map { from.appending($0) } ?? from
            #expect(acts.has(.sync(content), in: 0..<renamed), "\(named): \(acts.all)")
            #expect(acts.has(.sync(named.removingLastComponent()), in: renamed..<acts.all.count))
        }
    }

    // MARK: A disk that does not sync

    @Test(arguments: [Errno.ioError, .noSpace])
    func anOutputThatCannotBeSyncedIsNotSeenAndTheOthersAre(errno: Errno) throws {
        let scene = try Scene("broken")
        let outputs = try ["a", "b", "c"].map { try scene.stage($0 + ".csv", $0, run: Int64($0.utf8.first!)) }
        let broken = outputs[1].staged
        let acts = Acts()
        let results = try acts.record(below: scene.folder.path, refusing: { $0 == .sync(broken) ? errno : nil }) {
            try scene.round().publish(outputs, intend: allow)
        }
        #expect(results[1] == .failure(Disk.error("make durable", broken, errno)))
        #expect(scene.outputs == ["a.csv", "c.csv"] && results.landed.map(\.run) == [outputs[0].run, outputs[2].run])
        #expect(try scene.manifest().map(\.path) == ["a.csv", "c.csv"])
        #expect(!acts.has(.rename(broken, to: outputs[1].target), in: 0..<acts.all.count))
    }

    /// A sync of the whole file system that fails says nothing of one file: each is asked for its own.
    @Test func whereTheFileSystemCannotBeSyncedEachFileIs() throws {
        let scene = try Scene("syncfs")
        let outputs = try (0..<6).map { try scene.stage("\($0).csv", "row \($0)", run: Int64($0)) }
        let area = scene.area.path, broken = outputs[4].staged
        let acts = Acts()
        let results = try acts.record(
            below: scene.folder.path, refusing: { $0 == .syncFileSystem(area) || $0 == .sync(broken) ? .ioError : nil }
        ) { try scene.round().publish(outputs, intend: allow) }
        #expect(results.map { (try? $0.get()) != nil } == [true, true, true, true, false, true])
        for output in outputs where output.staged != broken { #expect(acts.has(.sync(output.staged), in: 0..<acts.all.count)) }
    }

    @Test func anOutputWhoseNameCannotBeSyncedIsNotTold() throws {
        let scene = try Scene("directory")
        let outputs = [try scene.stage("bad/a.csv", "a", run: 1), try scene.stage("good/b.csv", "b", run: 2)]
        let bad = scene.out.appending("bad")
        let results = try Acts().record(below: scene.folder.path, refusing: { $0 == .sync(bad) ? .ioError : nil }) {
            try scene.round().publish(outputs, intend: allow)
        }
        #expect(results[0] == .failure(.unfinished(outputs[0].target, why: Disk.error("make durable", bad, .ioError))))
        #expect(results.landed.map(\.run) == [2])
        #expect(try scene.manifest().map(\.path) == ["good/b.csv"])
    }

    @Test func aManifestThatCannotBeSyncedClosesNothing() throws {
        let scene = try Scene("manifest")
        let output = try scene.stage("a.csv", "a", run: 1)
        let results = try Acts().record(
            below: scene.folder.path, refusing: { if case .sync(let path) = $0, path.extension == "jsonl" { .ioError } else { nil } }
        ) { try scene.round().publish([output], intend: allow) }
        #expect(throws: FileSystemError.self) { try results[0].get() }
        #expect(results.landed.isEmpty)
    }

    // MARK: Someone else's file

    /// Hashing what stands at the target takes time: a file that someone puts there meanwhile is theirs.
    @Test func aFileThatAppearsWhileTheOldOneIsHashedIsNotReplaced() throws {
        let scene = try Scene("between")
        _ = try scene.round().publish([scene.stage("a.csv", "one", run: 1)], intend: allow)
        let again = try scene.stage("a.csv", "two", run: 2, replaces: digest("one"))
        let target = again.target, theirs = scene.folder("root/theirs.csv")
        try scene.folder.write("theirs", to: "root/theirs.csv")
        let looks = Looks()
        let results = try Acts().record(
            below: scene.folder.path,
            refusing: { act in
                // The first look finds our old output, the second comes after its digest.
                guard act == .look(target), looks.next() == 2 else { return nil }
                return rename(theirs, target.string) == 0 ? nil : .ioError
            }
        ) { try scene.round().publish([again], intend: allow) }
        #expect(results == [.failure(.targetNotOurs(target, found: digest("one"), published: digest("one")))])
        #expect(scene.text("a.csv") == "theirs")
    }
}

/// Counts.
private final class Looks: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock {
            $0 += 1; return $0
        }
    }
}
