import Attempts
import Dispatch
import FileSystem
import Foundation
import Glibc
import ModelSupport
import ONNX
import PipelineConfig
import Reasons
import Recipes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import WorkerProcesses

/// Workers have a large model's weights in memory once, all of them together.
@Suite(.serialized) struct SharedWeightsTests {
    /// Eight weights of 32 MiB: of a model of 128 MiB a debug build takes a sixth again for each worker.
    private static let width = 2896, blocks = 8

    private func spec(_ output: String, in directory: TemporaryDirectory, digests: (model: String, data: String)) -> AttemptSpec {
        AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: directory("model.onnx"), digest: digests.model),
                    data: .init(path: directory("rows.csv"), digest: digests.data), output: directory(output), format: .csv)),
            schema: .init(), stages: [.forward(.init())])
    }

    /// Lets each of `count` workers score the rows, and returns the digests of their outputs and the memory of all of them: pages that
    /// several processes have count once (PSS, proc_pid_smaps(5)), in bytes.
    private func score(
        _ count: Int, _ directory: TemporaryDirectory, prepared: PreparedFolder?
    ) throws -> (outputs: Set<String>, memory: Int) {
        let digests = (
            model: try FileDigest.of(FilePath(directory("model.onnx"))).digest,
            data: try FileDigest.of(FilePath(directory("rows.csv"))).digest
        )
        let executor = ProcessExecutor(program: BuiltProgram.worker, workers: count, sessionBytes: 1 << 30, prepared: prepared?.path.string)
        let answers = Mutex<[AttemptResult]>([])
        let all = DispatchGroup()
        // Loading takes longer than handing out, so that each has a worker of its own.
        for number in 0..<count {
            let spec = spec("out\(number).csv", in: directory, digests: digests)
            all.enter()
            Thread {
                let result = executor.execute(spec, cancellation: AttemptCancellation())
                answers.withLock { $0.append(result) }
                all.leave()
            }.start()
        }
        all.wait()
        let results = answers.withLock { $0 }
        for result in results { #expect(result.failure == nil, "\(String(describing: result.failure))") }
        let processes = executor.fleet.idleProcesses
        #expect(processes.count == count)
        let memory = try processes.map(Self.proportionalMemory).reduce(0, +)
        return (Set(results.compactMap { $0.files.first?.digest }), memory)
    }

    private static func proportionalMemory(_ process: pid_t) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/smaps_rollup", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") } ?? ""
        return try #require(Int(line.filter(\.isNumber))) * 1024
    }

    @Test func fourWorkersTakeLittleMoreThanOne() throws {
        let directory = try TemporaryDirectory("shared")
        try WideModel.model(width: Self.width, blocks: Self.blocks).write(to: directory("model.onnx"))
        try directory.write("x\n1\n2\n", to: "rows.csv")
        let prepared = PreparedFolder(work: FilePath(directory.path))
        let plain = try score(1, directory, prepared: nil)
        let one = try score(1, directory, prepared: prepared)
        let four = try score(4, directory, prepared: prepared)
        print("memory of a worker: \(plain.memory >> 20) MiB, with mapped weights \(one.memory >> 20), of four \(four.memory >> 20)")
        #expect(one.outputs == plain.outputs && four.outputs == plain.outputs && plain.outputs.count == 1)
        #expect(one.memory > Self.blocks * 4 * Self.width * Self.width)
        #expect(Double(four.memory) <= 1.3 * Double(min(one.memory, plain.memory)))
    }

    /// Somebody cuts a file off that a worker has mapped. That costs the attempt, at most; the next one finds the file changed.
    @Test func aFileThatIsCutOffCostsOneAttempt() throws {
        let directory = try TemporaryDirectory("shared")
        try WideModel.model(width: 1280, blocks: 3).write(to: directory("model.onnx"))
        try directory.write("x\n1\n2\n", to: "rows.csv")
        let prepared = PreparedFolder(work: FilePath(directory.path))
        let digests = (
            model: try FileDigest.of(FilePath(directory("model.onnx"))).digest,
            data: try FileDigest.of(FilePath(directory("rows.csv"))).digest
        )
        let executor = ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 30, prepared: prepared.path.string)
        func run(_ output: String) -> AttemptResult {
            executor.execute(spec(output, in: directory, digests: digests), cancellation: AttemptCancellation())
        }
        let first = run("first.csv")
        #expect(first.failure == nil, "\(String(describing: first.failure))")
        let name = try #require(try Disk.names(in: prepared.path).first { !$0.string.hasPrefix(".") })
        let model = prepared.path.appending(name)
        let file = try #require(try Disk.names(in: model).first { !["manifest.json", "model.onnx"].contains($0.string) })
        let weights = model.appending(file).string
        if geteuid() != 0 { chmod(weights, 0o600) }
        truncate(weights, 0)
        let second = run("second.csv")
        #expect(second.failure?.kind == .workerDied, "\(String(describing: second.failure))")
        let third = run("third.csv")
        #expect(third.failure == nil && third.files.first?.digest == first.files.first?.digest, "\(String(describing: third.failure))")
    }
}
