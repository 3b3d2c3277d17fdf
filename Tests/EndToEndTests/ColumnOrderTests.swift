import Foundation
import Recipes
import TestSupport
import Testing

/// A pipeline that names no columns takes all numeric ones in the first file's order, and holds every later file to it (SEMANTICS 19).
@Suite struct ColumnOrderTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let features = (0..<30).map { "f\($0)" }

    private func table(_ columns: [String]) -> String {
        "id," + columns.joined(separator: ",") + "\nr," + columns.map { String($0.dropFirst()) }.joined(separator: ",") + "\n"
    }

    private func world() throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("order")
        let pipeline = try String(contentsOfFile: "\(Self.repository)/pipelines/tumours.yaml", encoding: .utf8)
        try root.write(pipeline + "settle: { quiet: 200ms }\n", to: "p.yaml")
        try root.write(
            Array(Data(contentsOf: URL(fileURLWithPath: "\(Self.repository)/samples/tumours/model.onnx"))),
            to: "spool/tumours/models/m.onnx")
        return root
    }

    @Test func aLaterFileWithItsColumnsInAnotherOrderIsRefused() throws {
        let root = try world()
        func once(_ name: String, _ columns: [String]) throws -> DaemonProcess.CommandOutput {
            try root.write(table(columns), to: "spool/tumours/data/\(name)")
            usleep(600_000)
            return try DaemonProcess.command(["run", "--once", root("p.yaml"), "--root", root.path])
        }
        var swapped = Self.features
        swapped.swapAt(3, 4)
        #expect(try once("a.csv", Self.features).status == 0)
        #expect(try once("b.csv", Self.features).status == 0)
        let refused = try once("c.csv", swapped)
        #expect(refused.status == 1, "\(refused.error)")
        let reason = try DaemonProcess.command(["explain", "c.csv", "--root", root.path])
        #expect(
            reason.output.contains("not those of the first file") && reason.output.contains("\"f4\" and was \"f3\""), "\(reason.output)")
        #expect(reason.output.contains("schema.inputs"))
        #expect(root.files().contains("out/tumours/predictions/b.parquet"))
        #expect(!root.files().contains("out/tumours/predictions/c.parquet"))
    }

    /// Both are read before either is known to be the first.
    @Test func filesThatRunBesideTheFirstAreHeldToItToo() throws {
        let root = try world()
        try root.write(table(Self.features), to: "spool/tumours/data/a.csv")
        try root.write(table(Self.features.reversed()), to: "spool/tumours/data/b.csv")
        usleep(600_000)
        let done = try DaemonProcess.command(["run", "--once", root("p.yaml"), "--root", root.path, "--jobs", "2"])
        #expect(done.status == 1, "\(done.error)")
        let landed = root.files().filter { $0.hasPrefix("out/tumours/predictions/") && !$0.contains("_millrace") }
        #expect(landed.count == 1, "\(landed)")
    }
}
