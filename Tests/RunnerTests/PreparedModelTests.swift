import Arrivals
import Attempts
import Dispatch
import Engine
import FileSystem
import Foundation
import Glibc
import Machine
import ModelSupport
import ONNX
import PipelineConfig
import Recipes
import SystemPackage
import TestSupport
import Testing

@testable import Runner

/// A large model scores the same from the files that the engine maps as from its own, and these files are what they were, or made again.
@Suite(.serialized) struct PreparedModelTests {
    private let directory: TemporaryDirectory
    private let folder: PreparedFolder

    init() throws {
        directory = try TemporaryDirectory("prepared")
        folder = PreparedFolder(work: FilePath(directory.path))
        try directory.write("x\n" + (0..<40).map { "\(Double($0) / 7)\n" }.joined(), to: "rows.csv")
    }

    private func file(_ name: String) throws -> AttemptSpec.InputFile {
        .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
    }

    /// Three weights of 6.25 MiB.
    private func writeModel(embeddedAtMost: Int = 2_000_000_000, blocks: Int = 3) throws {
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = embeddedAtMost
        try WideModel.model(width: 1280, blocks: blocks).write(to: directory("model.onnx"), options: options)
    }

    private func executor(prepared: Bool = true) -> LocalExecutor {
        LocalExecutor(sessionBytes: 1 << 30, prepared: prepared ? folder : nil)
    }

    /// Scores the rows and returns the digest of the output.
    @discardableResult
    private func score(_ executor: LocalExecutor, to output: String = "out.csv", threads: Int = 1) throws -> String {
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .score(
                .init(model: try file("model.onnx"), data: try file("rows.csv"), output: directory(output), format: .csv)),
            schema: .init(), stages: [.forward(ForwardStage(batchSize: .rows(16)))], limits: .init(threads: threads))
        let result = executor.execute(spec, cancellation: AttemptCancellation())
        try? FileManager.default.removeItem(atPath: directory(output))
        #expect(result.failure == nil, "\(String(describing: result.failure))")
        return try #require(result.files.first?.digest)
    }

    /// The folders of prepared models, and what is unfinished.
    private func made() throws -> (models: [FilePath], unfinished: [String]) {
        guard try Disk.status(folder.path) != nil else { return ([], []) }
        let names = try Disk.names(in: folder.path).filter { !$0.string.hasSuffix(".lock") }
        return (
            names.filter { !$0.string.hasPrefix(".") }.map { folder.path.appending($0) },
            names.map(\.string).filter { $0.hasPrefix(".") }
        )
    }

    /// The name of the weights, which is the engine's choice.
    private func weightsName(in model: FilePath) throws -> String {
        let names = try Disk.names(in: model).map(\.string).filter { !["manifest.json", "model.onnx"].contains($0) }
        #expect(names.count == 1, "\(names)")
        return try #require(names.first)
    }

    /// The files that this process has mapped below the folder, with a mark at those that are removed. The kernel gives the list in pieces,
    /// and other tests map and unmap files meanwhile, so that a look may miss lines.
    private func mapped() throws -> [Substring] {
        let file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = read(file, &piece, piece.count), count > 0 { bytes += piece[..<count] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { $0.contains(folder.path.string) }
    }

    @Test(arguments: [2_000_000_000, 0]) func outputsAreTheSameBitForBit(embeddedAtMost: Int) throws {
        try writeModel(embeddedAtMost: embeddedAtMost)
        let plain = try score(executor(prepared: false))
        #expect(try made().models.isEmpty)
        for _ in 1...2 { #expect(try score(executor()) == plain) }
        let (models, unfinished) = try made()
        #expect(models.count == 1 && unfinished.isEmpty, "\(models) \(unfinished)")
        #expect(try Set(Disk.names(in: models[0]).map(\.string)) == ["manifest.json", "model.onnx", weightsName(in: models[0])])
        let executor = executor()
        #expect(try score(executor, threads: 2) == plain)
        #expect(eventually { (try? mapped().count) ?? 0 >= 3 }, "the weights are not mapped")
        #expect(try made().models == models, "another number of threads needs another layout")
        withExtendedLifetime(executor) {}
    }

    /// The facts that rows are bound by come from the manifest, without the model being parsed.
    @Test func factsOutliveTheGraph() throws {
        try writeModel()
        let facts = ModelFacts(try Model.load(path: directory("model.onnx")))
        let read = try JSONDecoder().decode(ModelFacts.self, from: try JSONEncoder().encode(facts))
        #expect(read.operatorSets == facts.operatorSets && read.operatorSets == ["ai.onnx": 17])
        #expect(Array(read.nanInputs) == Array(facts.nanInputs) && Array(read.unranked) == Array(facts.unranked))
    }

    enum Damage: String, CaseIterable {
        case cut, longer, flipped, graphGone, weightsGone, badManifest, replaced
    }

    @Test(arguments: Damage.allCases) func whatIsNotAsItWasMadeIsMadeAgain(_ damage: Damage) throws {
        try writeModel()
        let plain = try score(executor())
        let model = try #require(try made().models.first)
        let weightsName = try weightsName(in: model), weights = model.appending(weightsName).string
        if geteuid() != 0 { chmod(weights, 0o600) }
        let size = try Data(contentsOf: URL(fileURLWithPath: weights)).count
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: weights))
        switch damage {
        case .cut: try handle.truncate(atOffset: UInt64(size / 2))
        case .longer: try handle.truncate(atOffset: UInt64(size + 1))
        case .flipped:
            try handle.seek(toOffset: UInt64(size - 4096))
            try handle.write(contentsOf: [0x55])
        case .graphGone: try Disk.remove(model.appending("model.onnx"))
        case .weightsGone: try Disk.remove(model.appending(weightsName))
        case .badManifest: try Data("{".utf8).write(to: URL(fileURLWithPath: model.appending("manifest.json").string))
        case .replaced:
            let copy = try Data(contentsOf: URL(fileURLWithPath: weights))
            try Disk.remove(model.appending(weightsName))
            try copy.write(to: URL(fileURLWithPath: weights))
        }
        try handle.close()
        let before = try? Disk.status(model.appending("manifest.json"))
        #expect(try score(executor()) == plain)
        #expect(try made().models == [model] && made().unfinished.isEmpty)
        #expect(try Disk.status(model.appending("manifest.json")) != before, "it was not made again")
        #expect(try Disk.status(model.appending(self.weightsName(in: model)))?.stamp.size == Int64(size))
    }

    @Test func twoAtOnceMakeOne() throws {
        try writeModel()
        let executors = [executor(), executor()]
        DispatchQueue.concurrentPerform(iterations: 2) { index in
            _ = try? score(executors[index], to: "out\(index).csv")
        }
        #expect(try made().models.count == 1 && made().unfinished.isEmpty)
        #expect(eventually { (try? mapped().count) ?? 0 >= 6 })
        let maps = try mapped()
        #expect(!maps.contains { $0.contains("(deleted)") }, "\(maps)")
        withExtendedLifetime(executors) {}
    }

    @Test func eachClassOfMachinesAndEachVersionHasItsOwn() {
        let machine = AttemptMachine(processor: "P: avx2", engine: "ONNX Runtime", engineVersion: "1.32.0")
        var others = [machine, machine, machine]
        others[0].processor = "P: avx2 avx512f"
        others[1].engineVersion = "1.33.0"
        others[2].engine = "OpenVINO"
        let options = SessionOptions(threads: 1)
        let place = PreparedModels.place(of: "d", options, on: machine)
        let places = others.map { PreparedModels.place(of: "d", options, on: $0) }
        #expect(Set(places + [place]).count == 4)
        #expect(PreparedModels.place(of: "e", options, on: machine) != place)
        #expect(PreparedModels.place(of: "d", SessionOptions(threads: 4, spinning: true), on: machine) == place)
        #expect(PreparedModels.place(of: "d", SessionOptions(threads: 1, optimization: .basic), on: machine) != place)
    }

    @Test func smallModelsAreLoadedAsTheyAre() throws {
        try writeModel(blocks: 2)
        try score(executor())
        #expect(try made().models.isEmpty && made().unfinished.isEmpty)
    }

    /// A process that was killed while it made a model may have been killed for that. Others do not try until the daemon has started again.
    @Test func whatWasNotFinishedIsNotTriedAgainBeforeTheNextStart() throws {
        try writeModel()
        let plain = try score(executor(prepared: false))
        let place = PreparedModels.place(of: try file("model.onnx").digest, SessionOptions(threads: 1))
        let staging = folder.path.appending(place.staging)
        try Disk.makeDirectories(staging)
        try Data("part".utf8).write(to: URL(fileURLWithPath: staging.appending("model.onnx").string))
        #expect(try score(executor()) == plain)
        #expect(try made().models.isEmpty && made().unfinished.count == 1)
        try folder.prune(keeping: [], isStart: false)
        #expect(try made().unfinished.count == 1)
        try folder.prune(keeping: [], isStart: true)
        #expect(try Disk.names(in: folder.path).isEmpty)
        #expect(try score(executor()) == plain)
        #expect(try made().models.count == 1)
    }

    /// A full disk costs the shared pages, and nothing else; the next process tries again.
    @Test(arguments: ["look", "sync", "rename"]) func aDiskThatRefusesIsNoFaultOfTheAttempt(_ act: String) throws {
        try writeModel()
        let plain = try score(executor(prepared: false))
        let refused = try DiskObservers.observe(
            below: folder.path,
            {
                switch $0 {
                case .sync where act == "sync", .rename where act == "rename", .look where act == "look": .noSpace
                default: nil
                }
            }, while: { try score(executor()) })
        #expect(refused == plain)
        #expect(try made().models.isEmpty && made().unfinished.isEmpty)
        #expect(try score(executor()) == plain)
        #expect(try made().models.count == 1)
    }

    @Test func modelsOfNoVersionGo() throws {
        for name in ["one-1", "one-2", "two-1", ".two-1.lock"] { try directory.write("x", to: "prepared/\(name)/model.onnx") }
        try folder.prune(keeping: ["one"], isStart: false)
        #expect(try Disk.names(in: folder.path).map(\.string).sorted() == [".two-1.lock", "one-1", "one-2"])
        try folder.prune(keeping: ["one"], isStart: true)
        #expect(try Disk.names(in: folder.path).map(\.string).sorted() == ["one-1", "one-2"])
        try PreparedFolder(FilePath(directory("nowhere"))).prune(keeping: [], isStart: true)
    }
}
