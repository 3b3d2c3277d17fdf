import Attempts
import Columnar
import FileSystem
import Foundation
import PipelineConfig
import Recipes
import Runner
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Large files that are scored range by range give what they give in one go, whoever scores which range and how often it is begun.
@Suite struct RangedPassTests {
    private static let rowCount = 20_000
    private let directory: TemporaryDirectory
    private let executor = LocalExecutor(sessionBytes: 1 << 20, rangeBytes: 30_000)

    init() throws {
        directory = try TemporaryDirectory("ranged")
        try directory.write(TinyModel.adding(2), to: "model.onnx")
    }

    private static func csv(_ cell: (Int) -> String = { "\($0 % 97)" }) -> String {
        "id,x,note\n" + (0..<rowCount).map { "r\($0),\(cell($0)),\"a \($0 % 5)\n\"\"b\"\"\"\n" }.joined()
    }

    private func spec(_ name: String, _ content: String, output: String, ranged: Bool, keep: [String] = ["id", "note"]) throws
        -> AttemptSpec
    {
        let (model, data) = (directory("model.onnx"), try directory.write(content, to: name))
        return AttemptSpec(
            run: 7, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: model, digest: try FileDigest.of(FilePath(model)).digest),
                    data: .init(path: data, digest: try FileDigest.of(FilePath(data)).digest), output: directory(output),
                    format: try #require(OutputFormat(rawValue: FilePath(output).extension ?? "")),
                    parts: ranged ? directory("7-parts") : nil)),
            schema: .init(key: ["id"], keep: keep), stages: [.forward(.init(batchSize: .rows(128)))],
            provenance: ["millrace.arrival": "3"])
    }

    private func parts() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory("7-parts")).filter { $0.hasSuffix(".part") }
    }

    private func helper(_ spec: AttemptSpec) -> AttemptSpec {
        guard case .score(let files) = spec.work else { return spec }
        return spec.range(of: files)
    }

    @Test(arguments: [OutputFormat.csv, .jsonl, .parquet, .arrow], [0, 3])
    func rangesGiveWhatOneGoGives(_ format: OutputFormat, helpers: Int) throws {
        let content = Self.csv()
        let whole = executor.execute(
            try spec("a.csv", content, output: "whole.\(format)", ranged: false), cancellation: AttemptCancellation())
        let spec = try spec("a.csv", content, output: "ranged.\(format)", ranged: true)
        let (executor, helper) = (executor, helper(spec))
        let scored = Mutex(0)
        let isOver = Mutex(false)
        let threads = (0..<helpers).map { _ in
            let thread = Thread {
                while !isOver.withLock({ $0 }) {
                    let result = executor.execute(helper, cancellation: AttemptCancellation())
                    if result.rowCount != nil { scored.withLock { $0 += 1 } } else { usleep(500) }
                }
            }
            thread.start()
            return thread
        }
        let result = executor.execute(spec, cancellation: AttemptCancellation())
        isOver.withLock { $0 = true }
        #expect(eventually { threads.allSatisfy(\.isFinished) })
        #expect(whole.failure == nil && result.failure == nil, "\(String(describing: result.failure))")
        #expect(result.rowCount == Int64(Self.rowCount) && result.rowCount == whole.rowCount)
        #expect(result.columns == whole.columns && result.types == whole.types)
        #expect(try parts().count > 10 && (helpers == 0) == (scored.withLock { $0 } == 0))
        #expect(try rows("ranged.\(format)") == rows("whole.\(format)"))
        // The bytes are those that one worker alone makes.
        try FileManager.default.removeItem(atPath: directory("7-parts"))
        let bytes = try directory.read("ranged.\(format)")
        #expect(executor.execute(spec, cancellation: AttemptCancellation()).failure == nil)
        #expect(try directory.read("ranged.\(format)") == bytes)
    }

    /// The bytes of the file; of an Arrow file, whose batches end where ranges end, those of a CSV file with its rows.
    private func rows(_ name: String) throws -> [UInt8] {
        guard name.hasSuffix("arrow") else { return try directory.read(name) }
        let (reader, writer) = (
            try TableReader(path: directory(name)), OutputWriter(path: directory("rows.csv"), format: TableFormat(.csv))
        )
        while let batch = try reader.next() { try writer.append(batch) }
        _ = try writer.finish()
        return try directory.read("rows.csv")
    }

    /// Ends at a step; what was finished by then is not scored again.
    @Test func whatWasScoredOutlivesTheAttempt() throws {
        let content = Self.csv()
        _ = executor.execute(try spec("a.csv", content, output: "whole.csv", ranged: false), cancellation: AttemptCancellation())
        let spec = try spec("a.csv", content, output: "ranged.csv", ranged: true)
        func run(stoppingAfter limit: Int) -> (result: AttemptResult, steps: Int) {
            let cancellation = AttemptCancellation()
            let steps = Mutex(0)
            var control = AttemptControl(cancellation)
            control.step = {
                if steps.withLock({
                    $0 += 1; return $0
                }) == limit {
                    cancellation.cancel()
                }
            }
            return (executor.execute(spec, control: control), steps.withLock { $0 })
        }
        #expect(run(stoppingAfter: 150).result.failure?.kind == .cancelled)
        let before = Dictionary(
            uniqueKeysWithValues: try parts().map { ($0, try FileDigest.of(FilePath(directory("7-parts/\($0)"))).stamp) })
        #expect(before.count > 2)
        #expect(run(stoppingAfter: .max).result.failure == nil)
        for (part, stamp) in before { #expect(try FileDigest.of(FilePath(directory("7-parts/\(part)"))).stamp == stamp, "\(part)") }
        #expect(try directory.read("ranged.csv") == directory.read("whole.csv"))
    }

    /// A part that lost its end, another model's parts, a plan that is no plan.
    @Test func badPartsAreScoredAgain() throws {
        let content = Self.csv()
        _ = executor.execute(try spec("a.csv", content, output: "whole.csv", ranged: false), cancellation: AttemptCancellation())
        let spec = try spec("a.csv", content, output: "ranged.csv", ranged: true)
        func again(_ label: String) throws {
            let result = executor.execute(spec, cancellation: AttemptCancellation())
            #expect(result.failure == nil, "\(label): \(String(describing: result.failure))")
            #expect(try directory.read("ranged.csv") == directory.read("whole.csv"), "\(label)")
        }
        try again("new")
        let part = try directory.read("7-parts/3.part")
        for length in [0, 1, part.count / 2, part.count - 1] {
            try directory.write(Array(part[..<length]), to: "7-parts/3.part")
            try again("cut at \(length)")
        }
        try directory.write("{}", to: "7-parts/plan.json")
        try again("no plan")
        var other = spec
        guard case .score(var files) = spec.work else { return }
        let model = try directory.write(TinyModel.adding(5), to: "other.onnx")
        files.model = .init(path: model, digest: try FileDigest.of(FilePath(model)).digest)
        other.work = .score(files)
        #expect(executor.execute(other, cancellation: AttemptCancellation()).failure == nil)
        #expect(try directory.read("ranged.csv") != directory.read("whole.csv"))
        try again("another model's parts")
    }

    /// What is refused is refused in the same words, and a type that a late row contradicts is taken back for the whole file.
    @Test(arguments: [0, 9_000, rowCount - 1], ["nonsense", "", "1e999", "true"])
    func lateRowsThatDoNotFit(_ place: Int, _ cell: String) throws {
        let content = Self.csv { $0 == place ? cell : "\($0 % 97)" }
        for (keep, isBad) in [(["id"], true), (["id", "x"], true)] {
            let whole = executor.execute(
                try spec("a.csv", content, output: "whole.csv", ranged: false, keep: keep), cancellation: AttemptCancellation())
            let result = executor.execute(
                try spec("a.csv", content, output: "ranged.csv", ranged: true, keep: keep), cancellation: AttemptCancellation())
            #expect(result.failure == whole.failure && isBad, "\(cell)")
            if whole.failure == nil { #expect(try directory.read("ranged.csv") == directory.read("whole.csv")) }
        }
    }

    @Test func aKeptTypeThatALateRowContradicts() throws {
        let content = "id,x,note\n" + (0..<Self.rowCount).map { "r\($0),1,\($0 == 15_000 ? "text" : "\($0)")\n" }.joined()
        var files: [[UInt8]] = []
        var types: [[String: String]] = []
        for isRanged in [false, true] {
            let output = "\(isRanged).parquet"
            let result = executor.execute(
                try spec("a.csv", content, output: output, ranged: isRanged), cancellation: AttemptCancellation())
            #expect(result.failure == nil)
            types.append(result.types)
            files.append(try directory.read(output))
        }
        #expect(types[0] == types[1] && files[0] == files[1] && types[0]["note"] != nil)
    }

    /// Two attempts of one run at the same time, as while one that was given up still ends.
    @Test func twoAttemptsAtATime() throws {
        let content = Self.csv()
        _ = executor.execute(try spec("a.csv", content, output: "whole.csv", ranged: false), cancellation: AttemptCancellation())
        let specs = try (0..<2).map { try spec("a.csv", content, output: "ranged\($0).csv", ranged: true) }
        let results = Mutex<[AttemptResult]>([])
        let executor = executor
        let threads = specs.map { spec in
            let thread = Thread {
                let result = executor.execute(spec, cancellation: AttemptCancellation())
                results.withLock { $0.append(result) }
            }
            thread.start()
            return thread
        }
        #expect(eventually(within: 60) { threads.allSatisfy(\.isFinished) })
        for result in results.withLock({ $0 }) { #expect(result.failure == nil, "\(String(describing: result.failure))") }
        for number in 0..<2 { #expect(try directory.read("ranged\(number).csv") == directory.read("whole.csv")) }
    }
}
