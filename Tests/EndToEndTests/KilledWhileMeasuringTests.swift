import Foundation
import TestSupport
import Testing

/// A daemon that dies, or is stopped, while it measures a version, on the sample `digits`.
@Suite struct KilledWhileMeasuringTests {
    private static func pipeline(budget: String) -> String {
        """
        name: digits
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms }
        schema: { key: id, inputs: { pixels: { columns: "pixel_*", scale: 0.0625 } } }
        stages: [ deserialize: {}, optimize: { precision: float32, budget: \(budget) }, forward: { outputs: { probabilities: "p_*" } } ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """
    }

    private let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("samples/digits")

    private func sample(_ name: String) throws -> Data { try Data(contentsOf: samples.appendingPathComponent(name)) }

    private func daemon(budget: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("killed-measuring")
        // Its processes are known by this.
        daemon.environment["MILLRACE_TEST_ROOT"] = daemon.root.path
        try daemon.root.write(Self.pipeline(budget: budget), to: "pipelines/digits.yaml")
        try daemon.drop(try sample("model.onnx"), at: "spool/models/m.onnx")
        try daemon.drop(try sample("data/digits-1.csv"), at: "spool/data/digits-1.csv")
        return daemon
    }

    private func isThere(_ path: String, _ daemon: DaemonProcess) -> Bool { FileManager.default.fileExists(atPath: daemon.root(path)) }

    /// When each kept choice was written, by its name.
    private func choices(_ daemon: DaemonProcess) throws -> [String: Date] {
        let folder = daemon.root(".millrace/choices")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let dates = try names.map { try FileManager.default.attributesOfItem(atPath: folder + "/" + $0)[.modificationDate] as? Date }
        return Dictionary(uniqueKeysWithValues: zip(names, dates.map { $0 ?? .distantPast }))
    }

    /// The processes that a daemon has started, and itself.
    private func processes(_ daemon: DaemonProcess) -> [String] {
        let mark = "MILLRACE_TEST_ROOT=\(daemon.root.path)\0"
        return ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { name in
            guard Int(name) != nil, let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ") else { return false }
            return String(decoding: environment, as: UTF8.self).contains(mark)
        }
    }

    private func lines(_ daemon: DaemonProcess) throws -> [[String: Any]] {
        try daemon.root.files().filter { $0.hasPrefix("out/outputs/_millrace/manifest-") }.flatMap {
            try daemon.root.read($0).split(separator: UInt8(ascii: "\n")).map {
                try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
            }
        }
    }

    /// The version that is being measured before its publication is published by the next daemon, once; what was kept is not measured again.
    @Test(arguments: ["measure.begun", "measure.measured", "measure.form", "measure.kept"])
    func killedBeforeAPublication(_ point: String) throws {
        let daemon = try daemon(budget: "1s")
        let mark = daemon.root("mark")
        // The first time is before the first rows are scored, the second one before the second version is published.
        daemon.environment["MILLRACE_FAULT"] = "\(point):2:\(mark)"
        try daemon.start()
        #expect(eventually(within: 120) { isThere("out/outputs/digits-1.csv", daemon) }, "\(daemon.logText)")
        try daemon.drop(try sample("undertrained.onnx"), at: "spool/models/n.onnx")
        try #require(eventually(within: 120) { isThere("mark", daemon) }, "\(daemon.logText)")
        daemon.process?.waitUntilExit()
        #expect(isThere(".millrace/measuring", daemon) && isThere("out/models/1", daemon) && !isThere("out/models/2", daemon))
        #expect(eventually(within: 60) { processes(daemon).isEmpty })
        let kept = try choices(daemon)
        #expect(kept.count == (point == "measure.kept" ? 2 : 1))

        daemon.environment["MILLRACE_FAULT"] = nil
        try daemon.start()
        #expect(eventually(within: 120) { isThere("out/models/2", daemon) }, "\(daemon.logText)")
        try daemon.drop(try sample("data/digits-2.parquet"), at: "spool/data/digits-2.parquet")
        #expect(eventually(within: 120) { isThere("out/outputs/digits-2.csv", daemon) }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let known = try choices(daemon)
        #expect(known.count == 2 && known.merging(kept) { $1 } == known, "\(kept) \(known)")
        #expect(!isThere("out/models/3", daemon) && !isThere(".millrace/measuring", daemon))
        let found = try lines(daemon)
        #expect(found.map { $0["path"] as? String } == ["digits-1.csv", "digits-2.csv"])
        #expect(found.map { $0["model_version"] as? Int } == [1, 2])
        for line in found { #expect((line["execution"] as? String)?.hasSuffix("float32") == true) }
    }

    /// An output that has its name when the daemon dies is in the manifest of the next one with how it was made, which only the ledger knows.
    @Test func killedBeforeTheManifest() throws {
        let daemon = try daemon(budget: "1s")
        daemon.environment["MILLRACE_FAULT"] = "land.folders:1:\(daemon.root("mark"))"
        try daemon.start()
        try #require(eventually(within: 120) { isThere("mark", daemon) }, "\(daemon.logText)")
        daemon.process?.waitUntilExit()
        #expect(isThere("out/outputs/digits-1.csv", daemon))
        #expect(try lines(daemon).isEmpty)
        daemon.environment["MILLRACE_FAULT"] = nil
        try daemon.start()
        #expect(eventually(within: 60) { (try? lines(daemon).count) == 1 }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try (lines(daemon).first?["execution"] as? String)?.hasSuffix("float32") == true)
    }

    /// A stop does not wait for the budget, and no process of measuring and none of its files outlives the daemon.
    @Test func aStopTakesMeasuringBack() throws {
        let daemon = try daemon(budget: "600s")
        try daemon.start()
        // The first outputs are written: a process of its own has the model.
        #expect(eventually(within: 120) { isThere(".millrace/measuring/output-0", daemon) }, "\(daemon.logText)")
        #expect(processes(daemon).count > 1)
        #expect(daemon.stop() == 0)
        // Workers without work end when they find their daemon gone.
        #expect(eventually(within: 60) { processes(daemon).isEmpty })
        #expect(!isThere(".millrace/measuring", daemon))
        #expect(try choices(daemon).isEmpty && !isThere("out/outputs/digits-1.csv", daemon))
        // The next daemon measures it.
        try daemon.root.write(Self.pipeline(budget: "1s"), to: "pipelines/digits.yaml")
        try daemon.start()
        #expect(eventually(within: 120) { isThere("out/outputs/digits-1.csv", daemon) }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try choices(daemon).count == 1 && lines(daemon).count == 1)
    }
}
