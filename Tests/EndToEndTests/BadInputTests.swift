import Arrivals
import Foundation
import Ledger
import Reasons
import Recipes
import TestSupport
import Testing

/// Each bad input of the list gets a clear verdict from the running daemon, and nothing is lost.
@Suite(.serialized) struct BadInputTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms, give_up: 1s }
        schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        on_error: { attempts: 2, backoff: 100ms }
        """

    private func world() throws -> DaemonProcess {
        let daemon = try DaemonProcess("bad")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        for folder in ["spool/models", "spool/data"] {
            try FileManager.default.createDirectory(atPath: daemon.root(folder), withIntermediateDirectories: true)
        }
        return daemon
    }

    private func arrival(_ path: String, _ root: TemporaryDirectory) throws -> Arrival? {
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        return try ledger.explain(path: path, pipeline: "p", now: .now).first?.visits.first?.arrival
    }

    @Test func everyBadDataFileIsQuarantinedWithItsReason() throws {
        let daemon = try world()
        let root = daemon.root
        try daemon.start()
        #expect(eventually { daemon.logText.contains("notice running") })
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        let whole = try Data(contentsOf: URL(fileURLWithPath: Self.sample("samples/tumours/data/tumours-1.parquet")))
        /// Name, bytes, and words that the reason must have.
        let cases: [(String, [UInt8], [String])] = [
            ("empty.csv", [], ["empty"]),
            ("numbers.csv", Array("1,2\n3,4\n".utf8), ["row 1", "schema.dialect.header"]),
            ("spark.csv", Array("id,x\n\"say \\\"hi\\\"\",1\n".utf8), ["row 1", "schema.dialect.escape"]),
            ("pointer.csv", Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".utf8), ["Git LFS pointer"]),
            ("page.parquet", Array("<!DOCTYPE html>\n<html></html>\n".utf8), ["HTML page"]),
            ("columns.csv", Array("id,y\na,1\n".utf8), ["x"]),
            ("word.csv", Array("id,x\na,1\nb,word\n".utf8), ["row 2", "x"]),
            ("null.csv", Array("id,x\na,\n".utf8), ["row 1", "x"]),
            ("latin.csv", Array("id,x\n".utf8) + [0xE9, 0x2C, 0x31, 0x0A], ["UTF"]),
            ("ragged.csv", Array("id,x\na,1,2\n".utf8), []),
            ("cut.parquet", Array(whole.prefix(whole.count / 2)), ["truncated"]),
            ("empty.parquet", [], ["truncated"]),
            ("list.jsonl", Array("[1, 2]\n".utf8), []),
            ("line.csv", Array("id,x\n\"".utf8) + [UInt8](repeating: 0x61, count: 20 << 20) + Array("\",1\n".utf8), []),
        ]
        for (name, bytes, _) in cases { try daemon.drop(bytes, at: "spool/data/" + name) }
        let good = "id,x\na,1\n"
        try daemon.drop(Array(good.utf8), at: "spool/data/good.csv")
        for (name, bytes, words) in cases {
            let isDecided = try eventually { try arrival(name, root)?.state == .quarantined }
            let found = try arrival(name, root)
            #expect(isDecided, "\(name): \(String(describing: found?.state)) \(String(describing: found?.explanation))")
            let reason = found?.explanation?.reason ?? ""
            for word in words { #expect(reason.contains(word), "\(name): \(reason)") }
            #expect(found?.explanation?.remedy.isEmpty == false)
            #expect(try root.read("spool/data/" + name) == bytes, "the input stays where it is")
            let isExplained = eventually { root.files().contains("quarantine/p/\(name).reason.json") }
            #expect(isExplained, "\(name)")
        }
        let isScored = eventually { FileManager.default.fileExists(atPath: root("out/outputs/good.csv")) }
        #expect(isScored)
        #expect(daemon.stop() == 0)
    }

    /// A run without an end takes its attempts and is quarantined; what comes after it is scored.
    @Test func anEndlessRunIsQuarantinedAndOtherDataIsScored() throws {
        let daemon = try world()
        let root = daemon.root
        try root.write(Self.pipeline + "\nlimits: { time: 500ms }\n", to: "pipelines/p.yaml")
        try daemon.start(["--jobs", "1"])
        #expect(eventually { daemon.logText.contains("notice running") })
        try daemon.drop(TinyModel.counting(), at: "spool/models/m.onnx")
        try daemon.drop("id,x\na,2e9\n".utf8, at: "spool/data/endless.csv")
        try daemon.drop("id,x\na,3\n".utf8, at: "spool/data/short.csv")
        let isDecided = try eventually { try arrival("endless.csv", root)?.state == .quarantined }
        let found = try arrival("endless.csv", root)
        #expect(isDecided && found?.explanation?.rule == .attemptTime, "\(String(describing: found)) \(daemon.logText.suffix(2000))")
        let isScored = eventually { (try? root.read("out/outputs/short.csv")) == Array("id,y\na,6.0\n".utf8) }
        #expect(isScored)
        let runs = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).runs(RunFilter(pipeline: "p", path: "endless.csv"))
        #expect(runs.first?.attemptCount == 2, "\(runs)")
        #expect(daemon.stop() == 0)
    }

    @Test func everyBadModelIsRejectedAndTheDataAfterItIsScored() throws {
        let daemon = try world()
        let root = daemon.root
        try root.write([1, 2, 3, 4, 5, 6, 7, 8], to: "outside/w.bin")
        try daemon.start()
        #expect(eventually { daemon.logText.contains("notice running") })
        try daemon.drop(TinyModel.adding(1), at: "spool/models/good.onnx")
        try root.write([0, 0, 0, 0, 0, 0, 0, 0], to: "spool/models/there.bin")
        try FileManager.default.createSymbolicLink(atPath: root("spool/models/link.bin"), withDestinationPath: root("outside/w.bin"))
        #expect(link(root("outside/w.bin"), root("spool/models/hard.bin")) == 0)
        let whole = TinyModel.adding(2)
        let cases: [(String, [UInt8])] = [
            ("operator.onnx", TinyModel.unknownOperator()),
            ("misfit.onnx", TinyModel.adding(2, input: "z")),
            ("cut.onnx", Array(whole.prefix(whole.count / 2))),
            ("words.onnx", Array("this is no model".utf8)),
            ("up.onnx", TinyModel.withExternalData(location: "../../outside/w.bin")),
            ("absolute.onnx", TinyModel.withExternalData(location: root("outside/w.bin"))),
            ("linked.onnx", TinyModel.withExternalData(location: "link.bin")),
            ("hard.onnx", TinyModel.withExternalData(location: "hard.bin")),
            ("range.onnx", TinyModel.withExternalData(location: "there.bin", offset: 6, length: 4)),
        ]
        for (name, bytes) in cases { try daemon.drop(bytes, at: "spool/models/" + name) }
        for (name, _) in cases {
            let isDecided = try eventually {
                let state = try arrival(name, root)?.state
                return state == .rejected || state == .quarantined
            }
            let found = try arrival(name, root)
            #expect(isDecided, "\(name): \(String(describing: found?.state))")
            #expect(found?.explanation?.reason.isEmpty == false, "\(name)")
        }
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/a.csv")
        let isScored = eventually { (try? root.read("out/outputs/a.csv")) == Array("id,y\na,2.0\n".utf8) }
        #expect(isScored, "\(daemon.logText.suffix(2000))")
        let versions = try FileManager.default.contentsOfDirectory(atPath: root("out/models")).filter { Int($0) != nil }
        #expect(versions == ["1"])
        #expect(daemon.stop() == 0)
    }

    @Test func whatIsNoFileIsRefusedByKind() throws {
        let daemon = try world()
        let root = daemon.root
        #expect(mkfifo(root("spool/data/pipe.csv"), 0o644) == 0)
        try FileManager.default.createSymbolicLink(atPath: root("spool/data/dangling.csv"), withDestinationPath: "nowhere.csv")
        try root.write("id,x\na,1\n", to: "outside.csv")
        try FileManager.default.createSymbolicLink(atPath: root("spool/data/outward.csv"), withDestinationPath: root("outside.csv"))
        try root.write("id,x\na,1\n", to: "spool/data/two\nlines.csv")
        try daemon.start()
        #expect(eventually { daemon.logText.contains("notice running") })
        let ledger = { try RunLedger(stateDirectory: root(".millrace"), readOnly: true) }
        let isDone = try eventually { try ledger().arrivals(state: .quarantined).count == 4 }
        let refused = try ledger().arrivals(state: .quarantined)
        #expect(isDone, "\(refused.map(\.path)) \(daemon.logText.suffix(2000))")
        for arrival in refused {
            #expect(
                arrival.explanation.map { $0.rule != .unrecorded } == true && arrival.explanation?.remedy.isEmpty == false, "\(arrival)")
        }
        #expect(daemon.stop() == 0)
    }

    private static func sample(_ path: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(path).path
    }
}
