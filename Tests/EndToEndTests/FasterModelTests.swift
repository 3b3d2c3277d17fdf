import FileSystem
import Foundation
import ONNX
import TestSupport
import Testing

/// A pipeline whose optimize stage makes the model faster, as a user writes it, on the sample `digits` with real engines.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["MILLRACE_OPENVINO"] != "0", "OpenVINO is left out"))
struct FasterModelTests {
    private static let pipeline = """
        name: digits
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: id, inputs: { pixels: { columns: "pixel_*", scale: 0.0625 } } }
        stages:
          - deserialize: {}
          - optimize: { precision: auto, budget: 2s, graph: [fold_constants, fuse_gemm, remove_dead_nodes] }
          - forward: { outputs: { probabilities: "p_*" } }
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    private let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("samples/digits")

    private func sample(_ name: String) throws -> Data { try Data(contentsOf: samples.appendingPathComponent(name)) }

    private func decisions(_ daemon: DaemonProcess, version: Int) throws -> [String: Any] {
        let card = try Data(contentsOf: URL(fileURLWithPath: daemon.root("out/models/\(version)/card.json")))
        let object = try #require(try JSONSerialization.jsonObject(with: card) as? [String: Any])
        return try #require(object["decisions"] as? [String: Any])
    }

    private func choices(_ daemon: DaemonProcess) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: daemon.root(".millrace/choices")).sorted()
    }

    /// The probabilities in a CSV file whose first column is the key.
    private func probabilities(_ text: String) -> [[Double]] {
        text.split(separator: "\n").dropFirst().map { $0.split(separator: ",").dropFirst().prefix(10).compactMap { Double($0) } }
    }

    private struct Line: Decodable {
        let modelDigest: String
        let execution: String?
        let formDigest: String?
    }

    /// The lines of the manifests of the output folder.
    private func manifest(_ daemon: DaemonProcess) throws -> [Line] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try daemon.root.files().filter { $0.hasPrefix("out/outputs/_millrace/manifest-") }.flatMap {
            try daemon.root.read($0).split(separator: UInt8(ascii: "\n")).map { try decoder.decode(Line.self, from: Data($0)) }
        }
    }

    /// Has the daemon do what is there. A file that a scan finds must have been quiet for its time.
    private func once(_ daemon: DaemonProcess) throws {
        usleep(300_000)
        try daemon.start(["--once"])
        daemon.process?.waitUntilExit()
        #expect(daemon.process?.terminationStatus == 0, "\(daemon.logText)")
    }

    @Test func aVersionIsMeasuredOnceAndScoredInOneWay() throws {
        let daemon = try DaemonProcess("faster")
        try daemon.root.write(Self.pipeline, to: "pipelines/digits.yaml")
        try daemon.drop(try sample("model.onnx"), at: "spool/models/m.onnx")
        try daemon.drop(try sample("data/digits-1.csv"), at: "spool/data/digits-1.csv")
        try once(daemon)
        #expect(daemon.logText.contains("a version is measured before it scores"))
        #expect(daemon.logText.contains("a version is executed as measured"))
        let first = try decisions(daemon, version: 1)
        #expect((first["execution"] as? [String: Any])?["not_measured"] != nil)
        #expect((first["graph"] as? [String: Any])?["not_used"] == nil)
        let kept = try choices(daemon)
        #expect(kept.count == 1)

        // A restart measures nothing.
        try daemon.drop(try sample("data/digits-2.parquet"), at: "spool/data/digits-2.parquet")
        try once(daemon)
        #expect(try choices(daemon) == kept)
        let expected = probabilities(String(decoding: try sample("expected/digits-1.csv"), as: UTF8.self))
        let found = probabilities(try String(contentsOfFile: daemon.root("out/outputs/digits-1.csv"), encoding: .utf8))
        #expect(found.count == expected.count && found.count == 100)
        for (row, wanted) in zip(found, expected) {
            // The gate is the cosine, and that the greatest stays the greatest.
            #expect(row.firstIndex(of: row.max()!) == wanted.firstIndex(of: wanted.max()!))
            for (score, right) in zip(row, wanted) { #expect(abs(score - right) < 0.02) }
        }

        // Another version is measured before it is published, on the rows of all files that this daemon has scored.
        try daemon.start()
        try daemon.drop(try sample("data/digits-2.parquet"), at: "spool/data/again.parquet")
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/outputs/again.csv")) }, "the second file lands again")
        try daemon.drop(try sample("data/digits-3.csv.gz"), at: "spool/data/digits-3.csv.gz")
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/outputs/digits-3.csv")) }, "the third file lands")
        try daemon.drop(try sample("undertrained.onnx"), at: "spool/models/n.onnx")
        let isInForce = eventually {
            (try? String(contentsOfFile: daemon.root("out/models/ACTIVE"), encoding: .utf8))?.contains("2") == true
        }
        #expect(isInForce, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let second = try #require(try decisions(daemon, version: 2)["execution"] as? [String: Any])
        let candidates = try #require(second["candidates"] as? [[String: Any]])
        #expect(Set(candidates.compactMap { $0["engine"] as? String }) == ["onnxruntime", "openvino"])
        #expect(second["compared_rows"] as? Int == 200 && second["chosen"] is String)
        #expect(try choices(daemon).count == 2)
        // The ways are timed alone, and in as many processes as there are workers, which decides. On a machine that is busy the budget may
        // be spent before that (`SessionsTests` does without a clock).
        let workers = ProcessInfo.processInfo.activeProcessorCount
        let sessions = Set(candidates.compactMap { $0["sessions"] as? Int })
        #expect(sessions.isSubset(of: [1, workers]) && sessions.contains(1), "\(second)")
        if workers > 1, sessions.contains(workers) {
            #expect((second["chosen"] as? String)?.contains("\(workers) sessions of 1 thread") == true, "\(second)")
        } else {
            #expect(workers == 1 || second["decided_by"] as? String == "processor", "\(second)")
        }
        // Outputs of every format say how they were made.
        let lines = try manifest(daemon)
        #expect(lines.count == 4)
        for line in lines { #expect(["onnxruntime", "openvino"].contains(line.execution?.split(separator: " ").first)) }
    }

    /// A rewritten model that measures fastest scores in place of the version, which stays as it arrived, and a restart uses it again.
    @Test func aFormOfTheModelScoresInItsPlace() throws {
        let daemon = try DaemonProcess("faster-form")
        try daemon.root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 200ms }
            schema: { key: id, inputs: { x: { columns: "x*" } } }
            stages: [ deserialize: {}, optimize: { precision: int8, budget: 1s }, forward: { batch_size: 4, threads: 1 } ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        let model = LargeLayers.model()
        try daemon.drop(try model.serialized(), at: "spool/models/m.onnx")
        try daemon.drop(LargeLayers.rows(40).utf8, at: "spool/data/first.csv")
        try once(daemon)
        #expect(daemon.logText.contains(" int8-"), "\(daemon.logText)")
        #expect(try Model.load(path: daemon.root("out/models/1/model.onnx")).graph.nodes == model.graph.nodes)
        func form() -> String? { daemon.root.files().first { $0.hasPrefix(".millrace/choices/") && $0.hasSuffix("/model.onnx") } }
        let kept = try #require(form())
        let line = try #require(try manifest(daemon).first)
        #expect(line.execution?.contains(" int8-") == true)
        #expect(line.formDigest == FileDigest.of(bytes: try daemon.root.read(kept)))
        #expect(line.modelDigest == FileDigest.of(bytes: try daemon.root.read("out/models/1/model.onnx")))
        try daemon.drop(LargeLayers.rows(40).utf8, at: "spool/data/second.csv")
        try once(daemon)
        #expect(form() == kept)
        let first = try daemon.root.read("out/outputs/first.csv")
        #expect(try daemon.root.read("out/outputs/second.csv") == first)
        // It is the form that scores: the command gives others with the model.
        let plain = try DaemonProcess.command([
            "forward", daemon.root("out/models/1/model.onnx"), daemon.root("spool/data/first.csv"), daemon.root("plain.csv"), "--columns",
            "x=x*", "--keep", "id",
        ])
        #expect(plain.status == 0, "\(plain.error)")
        func values(_ bytes: [UInt8]) -> [Double] {
            String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst()
                .flatMap { $0.split(separator: ",").dropFirst().compactMap { Double($0) } }
        }
        let (exact, found) = (values(try daemon.root.read("plain.csv")), values(first))
        #expect(exact.count == 640 && found.count == 640 && exact != found)
        func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect(product(exact, found) / (product(exact, exact) * product(found, found)).squareRoot() > 0.99)
    }
}
