import Foundation
import Glibc
import Ledger
import TestSupport
import Testing

/// Models with external data, as the onnx package writes them, in spools that are emptied: a model and its data leave together.
@Suite(.serialized) struct ExternalDataTests {
    private static let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("ExternalData")

    private func world(_ after: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("external")
        try daemon.root.write(
            """
            \(scoringPipeline)
            after: \(after == "archive" ? "archive\narchive: put" : after)

            """, to: "pipelines/p.yaml")
        return daemon
    }

    /// Data first, as a sync tool may deliver it.
    private func drop(_ files: String..., at folder: String = "", in daemon: DaemonProcess) throws {
        for file in files {
            try daemon.drop(Data(contentsOf: Self.models.appendingPathComponent(file)), at: "spool/models/" + folder + file)
        }
    }

    private func spooled(_ root: TemporaryDirectory) -> [String] {
        below("spool/models/", root).filter { !$0.hasPrefix(".millrace-claim") }
    }

    private func below(_ folder: String, _ root: TemporaryDirectory) -> [String] {
        root.files().filter { $0.hasPrefix(folder) }.map { String($0.dropFirst(folder.count)) }
    }

    private func active(_ root: TemporaryDirectory) -> String? {
        (try? root.read("out/models/ACTIVE")).map { String(decoding: $0, as: UTF8.self) }
    }

    private func scores(_ name: String, _ wanted: String, _ daemon: DaemonProcess) throws {
        try daemon.drop("id,x\nr,1\n".utf8, at: "spool/data/\(name).csv")
        #expect(eventually { (try? daemon.root.read("out/outputs/\(name).csv")) == Array("id,y\nr,\(wanted)\n".utf8) }, "\(daemon.logText)")
    }

    @Test(arguments: ["archive", "delete"])
    func aModelLeavesWithItsData(after: String) throws {
        let daemon = try world(after)
        try drop("one.onnx.data", "one.onnx", at: "sub/", in: daemon)
        try daemon.start()
        #expect(eventually { active(daemon.root) == "1\n" && spooled(daemon.root) == [] }, "\(spooled(daemon.root)) \(daemon.logText)")
        try scores("a", "11.0", daemon)
        #expect(daemon.stop() == 0)
        #expect(below("put/", daemon.root).filter { $0 != "a.csv" } == (after == "archive" ? ["sub/one.onnx", "sub/one.onnx.data"] : []))
        #expect(below(".millrace/staging/held/", daemon.root) == [])
    }

    /// The archive has another file under the data's name: both files go beside each other, so that the model is whole there, and can be
    /// done again from there.
    @Test func theArchiveKeepsThemTogether() throws {
        let daemon = try world("archive")
        try daemon.root.write("something else", to: "put/one.onnx.data")
        try drop("one.onnx.data", "one.onnx", in: daemon)
        try daemon.start()
        #expect(eventually { active(daemon.root) == "1\n" && spooled(daemon.root) == [] }, "\(daemon.logText)")
        #expect(
            eventually { below("put/", daemon.root) == ["2/one.onnx", "2/one.onnx.data", "one.onnx.data"] }, "\(below("put/", daemon.root))"
        )
        let replay = try DaemonProcess.command(["replay", "one.onnx", "--root", daemon.root.path])
        #expect(replay.status == 0, "\(replay.error)")
        #expect(eventually { active(daemon.root) == "2\n" }, "\(daemon.logText)")
        try scores("a", "11.0", daemon)
        #expect(daemon.stop() == 0)
    }

    /// The data of two models stays until the second one goes.
    @Test(arguments: ["archive", "delete"])
    func sharedDataGoesWithTheLastModel(after: String) throws {
        let daemon = try world(after)
        try drop("shared.bin", "plus.onnx", in: daemon)
        // The second is there, and not whole yet: it may need the same data.
        let minus = try Data(contentsOf: Self.models.appendingPathComponent("minus.onnx"))
        try daemon.root.write(minus.prefix(100), to: "spool/models/minus.onnx")
        try daemon.start()
        #expect(
            eventually { active(daemon.root) == "1\n" && spooled(daemon.root) == ["minus.onnx", "shared.bin"] },
            "\(spooled(daemon.root)) \(daemon.logText)")
        try scores("a", "101.0", daemon)
        try daemon.drop(minus, at: "spool/models/minus.onnx")
        #expect(eventually { active(daemon.root) == "2\n" && spooled(daemon.root) == [] }, "\(spooled(daemon.root)) \(daemon.logText)")
        try scores("b", "-99.0", daemon)
        #expect(daemon.stop() == 0)
        let put = below("put/", daemon.root).filter { !$0.hasSuffix(".csv") }
        #expect(put == (after == "archive" ? ["minus.onnx", "plus.onnx", "shared.bin"] : []))
    }

    /// Both are whole at once, in two folders: the data is below both.
    @Test func dataBelowAnotherModelIsShared() throws {
        let daemon = try world("delete")
        try drop("one.onnx.data", "one.onnx", in: daemon)
        try drop("shared.bin", "plus.onnx", "minus.onnx", at: "sub/", in: daemon)
        try daemon.start()
        #expect(eventually { active(daemon.root) == "3\n" && spooled(daemon.root) == [] }, "\(spooled(daemon.root)) \(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(below("quarantine/", daemon.root) == [])
    }
}
