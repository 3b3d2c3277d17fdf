import Arrivals
import Attempts
import FileSystem
import Foundation
import Glibc
import ModelSupport
import ONNX
import PipelineConfig
import Recipes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Runner

/// The code that computes opens nothing by a name: it gives the same where the kernel refuses that, and another thread has the files. Only
/// prepared models are read beneath the folder that they are in.
@Suite(.serialized) struct ConfinedTests {
    private static let child = PeakMemory(test: "RunnerTests.ConfinedTests/computes")

    enum Work: String, CaseIterable {
        case score, ranges, ahead, prepared, validate, tune, rewrite, judge
    }

    @Test(.enabled(if: Landlock.version >= 1), arguments: Work.allCases) func whatIsConfinedGivesTheSame(_ work: Work) throws {
        guard Self.child.task == nil else { return }
        let directory = try TemporaryDirectory("confined")
        try Self.write(work, directory.path)
        for folder in ["free", "confined"] {
            try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        }
        let spec = try Self.spec(work, directory.path, "free")
        let free = Self.execute(spec, NamedFiles(spec, prepared: Self.prepared(work, directory.path, "free")))
        #expect(free == nil, "\(free ?? "")")
        #expect(try Self.child.measure([work.rawValue, directory.path]) != .max)
        let found = try? String(contentsOfFile: directory("confined/found"), encoding: .utf8)
        #expect(found == "", "\(found ?? "it ended early")")
        func files(_ folder: String) throws -> [String: [UInt8]] {
            let names = directory.files().filter {
                $0.hasPrefix(folder + "/out") || $0.hasPrefix(folder + "/new") || $0.hasPrefix(folder + "/parts") && $0.hasSuffix(".part")
            }
            return try Dictionary(uniqueKeysWithValues: names.map { (String($0.dropFirst(folder.count)), try directory.read($0)) })
        }
        let made = try files("confined"), expected = try files("free")
        #expect(!made.isEmpty && made == expected, "\(made.keys)")
        if work == .prepared {
            let models = directory.files().filter { $0.hasPrefix("confined/prepared/") && $0.hasSuffix("/manifest.json") }
            #expect(models.count == 1, "\(directory.files())")
        }
    }

    /// What the child does.
    @Test(.enabled(if: child.task != nil)) func computes() throws {
        let work = try #require(Work(rawValue: Self.child.task![0])), folder = Self.child.task![1]
        let spec = try Self.spec(work, folder, "confined")
        // Files are opened by a thread that is not confined.
        let outer = OuterThread(), isDone = DispatchSemaphore(value: 0)
        let prepared = Self.prepared(work, folder, "confined")
        if let prepared { try Disk.makeDirectories(prepared.path) }
        let files = AskedFiles(files: NamedFiles(spec, prepared: prepared), outer: outer)
        let found = Mutex("")
        Thread {
            let failure = Self.confined(reading: prepared) ?? Self.execute(spec, files)
            found.withLock { $0 = failure ?? "" }
            isDone.signal()
        }.start()
        isDone.wait()
        try Data(found.withLock { $0 }.utf8).write(to: URL(fileURLWithPath: folder + "/confined/found"))
        try Self.child.report()
    }

    /// Confines the calling thread, and returns what is wrong with that.
    private static func confined(reading prepared: PreparedFolder?) -> String? {
        guard Landlock.confine(reading: prepared.map { [$0.path.string] } ?? []) else { return "the kernel does not confine" }
        return open("/etc/passwd", O_RDONLY) < 0 ? nil : "a file is opened by its name"
    }

    /// Executes an attempt and returns what went wrong.
    private static func execute(_ spec: AttemptSpec, _ files: any AttemptFiles) -> String? {
        let executor = LocalExecutor(sessionBytes: 1 << 30, rangeBytes: 20_000, files: { _ in files })
        let result = executor.execute(spec, cancellation: AttemptCancellation())
        return result.failure.map { "\($0)" }
    }

    private static func prepared(_ work: Work, _ folder: String, _ name: String) -> PreparedFolder? {
        work == .prepared ? PreparedFolder(FilePath(folder + "/" + name + "/prepared")) : nil
    }

    // MARK: Attempts

    private static let rowCount = 4000

    private static func write(_ work: Work, _ folder: String) throws {
        var rows = "id,x,label\n"
        for row in 0..<rowCount { rows += "a key \(row),\(row % 7),\(row % 2)\n" }
        try Data(rows.utf8).write(to: URL(fileURLWithPath: folder + "/rows.csv"))
        var options = Model.WritingOptions()
        if work == .validate || work == .rewrite { options.embeddedBytesAtMost = 0 }
        try WideModel.model(width: work == .prepared ? 1280 : 160, blocks: work == .prepared ? 3 : 1)
            .write(to: folder + "/model.onnx", options: options)
    }

    private static func spec(_ work: Work, _ folder: String, _ made: String) throws -> AttemptSpec {
        func file(_ name: String, companions: [String] = []) throws -> AttemptSpec.InputFile {
            let path = FilePath(folder + "/" + name)
            let named = companions.map { (name: $0, path: FilePath(folder + "/" + $0)) }
            return .init(path: path.string, digest: try FileDigest.ofModel(at: path, companions: named).digest, companions: companions)
        }
        let rows = try file("rows.csv"), new = folder + "/" + made + "/new", out = folder + "/" + made + "/out.csv"
        let parts = folder + "/" + made + "/parts"
        let attempt: AttemptSpec.Work
        var stages: [Stage] = [.forward(ForwardStage(batchSize: .rows(128)))]
        switch work {
        case .score, .prepared: attempt = .score(.init(model: try file("model.onnx"), data: rows, output: out, format: .csv))
        case .ranges:
            attempt = .score(.init(model: try file("model.onnx"), data: rows, output: out, format: .csv, parts: parts))
        case .ahead:
            var unread = rows
            unread.digest = ""
            unread.stamp = FileStamp.whole([try FileDigest.stamp(FilePath(rows.path))].compactMap { $0 })
            try FileManager.default.createDirectory(atPath: parts, withIntermediateDirectories: true)
            attempt = .scoreAhead(.init(model: try file("model.onnx"), data: unread, output: out, format: .csv, parts: parts))
        case .validate:
            attempt = .validateModel(
                .init(model: try file("model.onnx", companions: ["model.onnx.data"]), rows: rows, directory: new), training: nil)
            stages.insert(.deserialize(DeserializeStage()), at: 0)
        case .rewrite:
            // Passes over the graph compute in the engine, and ranges come from rows.
            attempt = .rewrite(.init(model: try file("model.onnx"), data: rows, comparedRows: 32, form: .int8Static, directory: new))
        case .judge:
            try FileManager.default.createDirectory(atPath: new, withIntermediateDirectories: true)
            var files = AttemptSpec.MeasuredFiles(
                model: try file("model.onnx"), data: rows, rows: 32, reference: new, question: .metric(rows: nil, seconds: nil))
            files.judged = JudgedFiles(
                files: [.init(rows)], schema: RowSchema(key: ["id"], label: .list(["label"])), loss: .meanSquaredError, outputs: [],
                share: 0.1, seed: 0, gate: MetricGate(.rmse))
            attempt = .measure(files)
        case .tune:
            let labels = AttemptSpec.LabelledFile(
                arrival: 2, name: "rows.csv", file: rows, kept: folder + "/" + made + "/kept/labels.csv")
            attempt = .fineTune(
                .init(model: try file("model.onnx"), rows: rows, directory: new),
                training: .init(labelled: [labels], subject: 2, checkpoints: folder + "/" + made + "/checkpoints"))
            stages = [
                .optimize(
                    OptimizeStage(
                        gradient: GradientDescent(loss: .meanSquaredError, optimizer: .sgd(), learningRate: 1e-6) {
                            $0.epochs = 1
                            $0.batchSize = 64
                            $0.validation = 0.3
                        },
                        gate: Gate(dropAtMost: 1e9, rowsAtLeast: 1)))
            ]
        }
        return AttemptSpec(
            run: 1, attempt: 1, pipeline: "p", work: attempt,
            schema: RowSchema(
                key: ["id"], label: work == .tune ? .list(["label"]) : nil, inputs: [InputSchema(name: "x", columns: .list(["x"]))],
                keep: ["id"]), stages: stages)
    }
}
