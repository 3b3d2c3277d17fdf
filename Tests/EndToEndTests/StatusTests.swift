import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct StatusTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 10m }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    @Test func filesThatHaveNoNumberYetAreListedWithWhatTheyNeed() throws {
        let daemon = try DaemonProcess("status")
        let root = daemon.root
        try root.write(Self.pipeline, to: "pipelines/p.yaml")
        func status() throws -> String { try DaemonProcess.command(["status", "--root", root.path]).output }
        /// A rename into place needs no quiet time, where it is seen: on a busy machine the folder may not be watched yet, and what a scan
        /// finds must be quiet. Then it is dropped again.
        func drop(_ model: [UInt8], until words: String) throws -> Bool {
            for _ in 0..<5 {
                try root.write(model, to: "spool/models/.m.onnx")
                #expect(rename(root("spool/models/.m.onnx"), root("spool/models/m.onnx")) == 0)
                if try eventually(within: 10, { try status().contains(words) }) { return true }
            }
            return false
        }
        /// Starts again where the tests beside it have all inotify instances of this user: what is polled is not seen as renamed.
        func start() throws {
            for _ in 0..<10 {
                let before = daemon.logText.count
                try daemon.start()
                #expect(eventually { daemon.logText.dropFirst(before).contains("notice running") })
                if !daemon.logText.dropFirst(before).contains("is polled") { return }
                #expect(daemon.stop() == 0)
                sleep(3)
            }
            Issue.record("there is no inotify instance: \(daemon.logText)")
        }
        try start()
        try root.write("x\n1\n", to: "spool/data/in/place.csv")
        try root.write("PAR1, and no end", to: "spool/data/half.parquet")
        try root.write("x\n", to: "spool/data/.hidden.csv")
        #expect(try drop(TinyModel.adding(1), until: "model: 1 done"))
        let first = try status()
        let listed = first.split(separator: "\n").drop { !$0.contains("settling, not numbered yet:") }.dropFirst().map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        #expect(
            listed.count == 2 && listed.contains("data in/place.csv: its format cannot show that it is whole, so it must be quiet first"),
            "\(first)")
        #expect(listed.contains { $0.hasPrefix("data half.parquet: it is not whole: ") }, "\(first)")

        try root.write(TinyModel.adding(2), to: "spool/models/m.onnx")
        let second = try status()
        #expect(second.contains("model m.onnx: it has changed since arrival 1, which is done"), "\(second)")
        #expect(daemon.stop() == 0)
        #expect(try status().contains("half.parquet"), "with no daemon too")

        try start()
        try FileManager.default.removeItem(atPath: root("spool/data/in/place.csv"))
        try FileManager.default.removeItem(atPath: root("spool/data/half.parquet"))
        #expect(try drop(TinyModel.adding(3), until: "2 done"))
        let third = try status()
        #expect(!third.contains("settling"), "\(third)")
        #expect(daemon.stop() == 0)
    }
}
