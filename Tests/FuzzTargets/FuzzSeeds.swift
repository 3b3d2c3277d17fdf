import Arrivals
import Attempts
import Foundation
import Machine
import PipelineConfig
import Recipes
import WorkerProtocol

extension FuzzTarget {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path

    /// The inputs that were found to be harmful once.
    package var found: [(name: String, bytes: [UInt8])] { Self.files(in: "FuzzingTests/Found/" + rawValue) { _ in true } }

    /// The inputs that mutation begins with: files of the tests, models of the ONNX project, and what was found before.
    package var seeds: [[UInt8]] {
        var seeds: [[UInt8]]
        switch self {
        case .onnx:
            let conformance = Self.files(in: "../.deps/conformance/1.22.0") { $0.hasSuffix("/model.onnx") }
            // Each sixth of these, which are much alike, and all whose graphs have graphs.
            let chosen = conformance.enumerated().filter { place, file in
                place % 6 == 0 || ["if_", "loop", "scan", "optional", "sequence"].contains { file.name.contains($0) }
            }
            seeds = chosen.map(\.element.bytes) + Self.files(in: "PassesTests/Fused") { $0.hasSuffix(".onnx") }.map(\.bytes)
        case .csv, .jsonl, .parquet, .arrow, .npy, .npz:
            seeds = (own("ColumnarTests/Fixtures") + own("ColumnarTests/Frames")).map(\.bytes)
        case .yaml: seeds = own("../pipelines").map(\.bytes) + [Self.everyStage]
        case .safetensors: seeds = own("TrainingTests/Fixtures").map(\.bytes)
        case .frames: seeds = Self.lines
        }
        seeds += found.map(\.bytes)
        return seeds.filter { $0.count <= Self.largestInput }
    }

    private func own(_ folder: String) -> [(name: String, bytes: [UInt8])] {
        Self.files(in: folder) { name in suffixes.contains { name.hasSuffix("." + $0) } }
    }

    /// The files below a folder of `Tests`, by their names.
    private static func files(in folder: String, _ isWanted: (String) -> Bool) -> [(name: String, bytes: [UInt8])] {
        let path = tests + "/" + folder
        let names = (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).filter(isWanted).sorted()
        return names.compactMap { name in
            guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: path + "/" + name)) else { return nil }
            return (name, Array(bytes))
        }
    }

    /// A pipeline with most keys.
    private static let everyStage = Array(
        """
        name: every
        spool: { models: spool/m, data: { path: spool/d, include: ["*.csv"] }, labels: spool/l }
        settle: { quiet: 200ms, give_up: 5s }
        on_error: { attempts: 2, backoff: 100ms }
        limits: { time: 3s, load_time: 3s, memory: 512MiB }
        schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: "f*", missing: 0, scale: 0.5 } }, types: { id: string } }
        stages:
          - deserialize: {}
          - forward: {}
          - backward: { loss: mse }
          - optimize: { optimizer: { adamw: { lr: 1e-3 } }, epochs: 3, gate: { metric: mse, at_most: 1 } }
        land: { models: out/m, outputs: { path: out/p, format: csv } }
        """.utf8)

    /// Frames of several kinds, each on a line.
    private static var lines: [[UInt8]] {
        let reference = AttemptReference(run: 12, attempt: 3, nonce: .max)
        let model = AttemptSpec.InputFile(path: "/m/1/model.onnx", digest: "m")
        let data = AttemptSpec.InputFile(
            path: "/s/ü \n.csv", digest: "d", companions: ["w.bin"], spool: "/s",
            stamp: FileStamp(device: -1, inode: .max, size: 0, changed: .min))
        let files = AttemptSpec.ScoringFiles(model: model, data: data, output: "/o/ü.csv", format: .csv)
        let spec = AttemptSpec(
            run: 12, attempt: 3, pipeline: "p", work: .score(files), schema: RowSchema(key: ["id"], keep: ["id"]),
            stages: [.forward(ForwardStage())], provenance: ["millrace.input": "a \"b\".csv", "x": "y"],
            limits: .init(seconds: 3, threads: 2), columns: ["x": ["a", "b"]])
        var order = ScoreOrder(reference: reference, setting: 7, spec, files)
        order.content = Array("id,x\n1,2\n".utf8)
        var result = AttemptResult(
            files: [.init(slot: "output", path: "/o/a.csv", digest: "x", byteCount: 5)], rowCount: 9, timings: ["run": 0.25, "odd": .nan])
        result.columns = ["x": ["a", "b"], "y": []]
        let machine = AttemptMachine(processor: "p", engine: "e", engineVersion: "1")
        let hello = WorkerHello(build: "1", token: "t", machine: machine, process: 7, host: "h", mounts: ["/": "ext4"])
        let frames: [any QuickFrame] = [
            DaemonFrame.score(order), DaemonFrame.setting(number: 7, setting: ScoreSetting(spec, files)),
            DaemonFrame.attempt(reference: reference, spec: spec, hasFile: false), DaemonFrame.pause(reference: reference),
            WorkerFrame.answer(reference: reference, result: result), WorkerFrame.hello(hello: hello),
            WorkerFrame.heartbeat(reference: reference, steps: 5), FileRequest(attempt: reference, act: .inFolder(1, .open("a"))),
            FileRequest(attempt: reference, act: .inFolder(2, .rename("a", to: "b"))), FileAnswer.names(["a", "b"]), FileAnswer.done,
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let lines = frames.compactMap { frame in frame.quickLine() ?? (try? encoder.encode(frame)).map { Array($0) + [10] } }
        return lines + [Array(lines.joined())]
    }
}
