import Arrivals
import Attempts
import FileSystem
import Foundation
import PipelineConfig
import Recipes
import Runner
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Ranges of a file that are scored while it is read for its digest: the run of this very file takes them, and no other does.
@Suite struct AheadTests {
    private let directory: TemporaryDirectory
    private let executor = LocalExecutor(sessionBytes: 1 << 20, rangeBytes: 30_000)

    init() throws {
        directory = try TemporaryDirectory("ahead")
        try directory.write(TinyModel.adding(2), to: "model.onnx")
        try directory.write(TinyModel.adding(5), to: "other.onnx")
        try directory.write(Self.csv(), to: "a.csv")
        try FileManager.default.createDirectory(atPath: directory("ahead-1"), withIntermediateDirectories: true)
    }

    private static func csv(_ addend: Int = 0) -> String {
        "id,x\n" + (0..<20_000).map { "r\($0),\(100 + ($0 + addend) % 97)\n" }.joined()
    }

    /// The spec of a run of the file as it is now; without `parts` in one go.
    private func run(parts: Bool = true, model: String = "model.onnx", output: String = "out.csv") throws -> AttemptSpec {
        let found = try FileDigest.of(FilePath(directory("a.csv")))
        return AttemptSpec(
            run: 7, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: directory(model), digest: try FileDigest.of(FilePath(directory(model))).digest),
                    data: .init(path: directory("a.csv"), digest: found.digest, stamp: found.stamp), output: directory(output),
                    format: .csv, parts: parts ? directory("7-parts") : nil)),
            schema: .init(key: ["id"], keep: ["id"]), stages: [.forward(.init(batchSize: .rows(128)))])
    }

    /// The spec of one range of the file as it is now, while its digest is not known.
    private func ahead() throws -> AttemptSpec {
        var spec = try run()
        guard case .score(var files) = spec.work else { return spec }
        files.data.digest = ""
        files.parts = directory("ahead-1")
        (spec.run, spec.work) = (0, .scoreAhead(files))
        return spec
    }

    @discardableResult
    private func execute(_ spec: AttemptSpec, step: @escaping @Sendable (Int) -> Void = { _ in }) -> AttemptResult {
        let steps = Mutex(0)
        var control = AttemptControl()
        control.step = {
            let now = steps.withLock { count in
                count += 1
                return count
            }
            step(now)
        }
        return executor.execute(spec, control: control)
    }

    private func stamps(_ folder: String) throws -> [String: FileStamp] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory(folder)).filter { $0.hasSuffix(".part") }
        return Dictionary(
            uniqueKeysWithValues: try names.map { ($0, try FileDigest.of(FilePath(directory("\(folder)/\($0)"))).stamp) })
    }

    private func takeOver() throws {
        try FileManager.default.moveItem(atPath: directory("ahead-1"), toPath: directory("7-parts"))
    }

    /// What one go gives for the file as it is now.
    private func whole(model: String = "model.onnx") throws -> [UInt8] {
        #expect(execute(try run(parts: false, model: model, output: "whole.csv")).failure == nil)
        return try directory.read("whole.csv")
    }

    @Test(arguments: [1, 3, Int.max]) func aRunTakesWhatWasScoredOfItsFile(ranges: Int) throws {
        var done = 0
        while done < ranges, execute(try ahead()).rowCount != nil { done += 1 }
        let before = try stamps("ahead-1")
        #expect(before.count == done && done > 0)
        try takeOver()
        #expect(execute(try run()).failure == nil)
        let after = try stamps("7-parts")
        #expect(after.count > 5 && (ranges < .max) == (after.count > done))
        for (part, stamp) in before { #expect(after[part] == stamp, "\(part)") }
        #expect(try directory.read("out.csv") == whole())
    }

    /// The folder gets its new name while a range is scored; the range is the run's.
    @Test func aFolderGetsAnotherNameMeanwhile() throws {
        let (from, to) = (directory("ahead-1"), directory("7-parts"))
        let result = execute(try ahead()) { step in if step == 3 { #expect(rename(from, to) == 0) } }
        #expect(result.failure == nil && result.rowCount != nil)
        let before = try stamps("7-parts")
        #expect(before.count == 1 && !FileManager.default.fileExists(atPath: from))
        #expect(execute(try run()).failure == nil)
        #expect(try stamps("7-parts")["0.part"] == before["0.part"])
        #expect(try directory.read("out.csv") == whole())
        // Whoever comes too late makes no folder that nobody removes.
        #expect(execute(try ahead()).failure != nil && !FileManager.default.fileExists(atPath: from))
    }

    enum Change: String, CaseIterable { case content, model, types, threads, touched }

    /// What was scored is of no use where the run is of other content or another model, or where another file has pinned types meanwhile.
    @Test(arguments: Change.allCases) func aRunOfSomethingElseTakesNothing(_ change: Change) throws {
        for _ in 0..<3 { execute(try ahead()) }
        let before = try stamps("ahead-1")
        try takeOver()
        var model = "model.onnx"
        switch change {
        case .content: try directory.write(Self.csv(1), to: "a.csv")
        case .touched: try directory.write(Self.csv(), to: "a.csv")
        case .model: model = "other.onnx"
        case .types, .threads: break
        }
        var spec = try run(model: model)
        if change == .types { spec.types = ["id": "string"] }
        if change == .threads { spec.limits.threads = 2 }
        #expect(execute(spec).failure == nil)
        let after = try stamps("7-parts")
        for (part, stamp) in before { #expect(after[part] != stamp, "\(part)") }
        #expect(try directory.read("out.csv") == whole(model: model))
    }

    /// A file that changes while a range of it is scored, or before.
    @Test(arguments: [0, 3]) func aFileThatChangesHasNoPart(step: Int) throws {
        let spec = try ahead()
        let file = directory("a.csv")
        @Sendable func change() throws { try Data(Self.csv(1).utf8).write(to: URL(fileURLWithPath: file), options: []) }
        if step == 0 { try change() }
        let result = execute(spec) { now in if now == step { try? change() } }
        #expect(result.failure?.kind == .inputChanged)
        #expect(try stamps("ahead-1").isEmpty)
    }

    /// Of a file that does not fit nothing is scored; its run says why, in the words of one go.
    @Test func aFileThatDoesNotFit() throws {
        try directory.write(Self.csv().replacing("\nr0,100\n", with: "\nr0,word\n"), to: "a.csv")
        #expect(execute(try ahead()).rowCount == nil)
        try takeOver()
        let result = execute(try run())
        let whole = execute(try run(parts: false))
        #expect(result.failure != nil && result.failure == whole.failure)
    }
}
