import Foundation
import Ledger
import ONNX
import Tensors
import TestSupport
import Testing

/// Two names that differ only in how their characters are composed are two: as files, as columns, as values and as weights of a model.
@Suite struct TwinNamesTests {
    /// Composed and decomposed letters, the two ångströms and ohms, Hangul, marks in two orders.
    private static let twins = [
        ("é", "e\u{301}"), ("\u{C5}", "A\u{30A}"), ("\u{212B}x", "\u{C5}x"), ("\u{2126}", "\u{3A9}"), ("한", "\u{1112}\u{1161}\u{11AB}"),
        ("q\u{323}\u{307}", "q\u{307}\u{323}"),
    ]

    private static let pipeline = scoringPipeline

    private func once(_ root: TemporaryDirectory) throws -> DaemonProcess.CommandOutput {
        usleep(300_000)
        return try DaemonProcess.command(["run", "--once", root("p.yaml"), "--root", root.path])
    }

    /// In one scan, and each in a folder whose name has a twin too.
    @Test func filesAreScoredEach() throws {
        let root = try TemporaryDirectory("twins")
        try root.write(Self.pipeline, to: "p.yaml")
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        var expected: [[UInt8]: String] = [:]
        for (index, pair) in Self.twins.enumerated() {
            for (side, name) in [pair.0, pair.1].enumerated() {
                for path in [name, "\(name)/deep"] {
                    let x = Double(10 * index + side) + (path == name ? 0 : 0.5)
                    try root.write("id,x\nr,\(x)\n", to: "spool/data/\(path).csv")
                    expected[Array("out/outputs/\(path).csv".utf8)] = "id,y\nr,\(x + 1)\n"
                }
            }
        }
        #expect(expected.count == 4 * Self.twins.count)
        let done = try once(root)
        #expect(done.status == 0, "\(done.error)")
        for (path, text) in expected {
            let found = try? root.read(String(decoding: path, as: UTF8.self))
            #expect(found.map { String(decoding: $0, as: UTF8.self) } == text, "\(String(decoding: path, as: UTF8.self)) \(path)")
        }
        // Seen again, they are known; changed, only the one that changed is scored again.
        let (one, other) = Self.twins[0]
        try root.write("id,x\nr,7\n", to: "spool/data/\(other).csv")
        #expect(try once(root).status == 0)
        #expect(String(decoding: try root.read("out/outputs/\(other).csv"), as: UTF8.self) == "id,y\nr,8.0\n")
        #expect(String(decoding: try root.read("out/outputs/\(one).csv"), as: UTF8.self) == "id,y\nr,1.0\n")
        let runs = try RunLedger(stateDirectory: root(".millrace"), readOnly: true).runs(RunFilter(limit: 1000))
        #expect(runs.count == 1 + 4 * Self.twins.count + 1)
        for (name, version) in [(one, "1.csv"), (other, "2.csv")] {
            let explained = try DaemonProcess.command(["explain", root("spool/data/\(name).csv"), "--root", root.path, "--json"])
            #expect(explained.output.components(separatedBy: "\"attempts\"").count == 1 + Int(version.prefix(1))!, "\(explained.output)")
        }
        #expect(try DaemonProcess.command(["check", "--root", root.path]).status == 0)
    }

    /// `y1 = x1 + w1` and `y2 = 10 x2 + w2`, where each two of the names are twins.
    private static func model(_ one: String, _ other: String) -> Model {
        func type(_ width: Int = 1) -> ValueType { .tensor(.float32, [.symbolic("N"), .fixed(width)]) }
        let graph = Graph(
            name: "twins",
            nodes: [
                Node("Identity", [one], ["h" + one]), Node("Mul", [other, "w" + other], ["h" + other]),
                Node("Add", ["h" + one, "w" + one], ["y" + one]), Node("Add", ["h" + other, "w" + other], ["y" + other]),
            ], inputs: [Value(one, type()), Value(other, type())], outputs: [Value("y" + one, type()), Value("y" + other, type())],
            initializers: [StoredTensor("w" + one, .float32, [1], [Float(1)]), StoredTensor("w" + other, .float32, [1], [Float(10)])])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    private func forward(_ root: TemporaryDirectory, _ data: String, _ more: [String] = []) throws -> (
        status: Int32, text: String, error: String
    ) {
        let result = try DaemonProcess.command(["forward", root("m.onnx"), root(data), root("out.csv"), "--force"] + more)
        return (result.status, (try? String(decoding: root.read("out.csv"), as: UTF8.self)) ?? "", result.error)
    }

    @Test(arguments: twins)
    func valuesWeightsAndColumnsAreTwo(one: String, other: String) throws {
        let root = try TemporaryDirectory("twins")
        try root.write(try Self.model(one, other).serialized(), to: "m.onnx")
        try root.write("\(one),\(other)\n1,2\n3,4\n", to: "d.csv")
        try root.write("{\"\(other)\":2,\"\(one)\":1}\n{\"\(other)\":4,\"\(one)\":3}\n", to: "d.jsonl")
        let expected = "y\(one),y\(other)\n2.0,30.0\n4.0,50.0\n"
        for data in ["d.csv", "d.jsonl"] {
            let result = try forward(root, data)
            #expect(result.status == 0 && result.text.utf8.elementsEqual(expected.utf8), "\(data): \(result.text) \(result.error)")
        }
        // The table as Parquet, as our own writer makes it of kept columns.
        let parquet = try DaemonProcess.command(
            ["forward", root("m.onnx"), root("d.csv"), root("d.parquet"), "--keep", one, "--keep", other])
        #expect(parquet.status == 0, "\(parquet.error)")
        let swapped = try forward(
            root, "d.parquet",
            ["--columns", "\(one)=y\(other)", "--columns", "\(other)=y\(one)", "--keep", "y\(one)", "--keep", "y\(other)"])
        #expect(swapped.status != 0, "two columns of one name would land")
        let again = try forward(root, "d.parquet", ["--columns", "\(one)=y\(other)", "--columns", "\(other)=y\(one)"])
        #expect(again.text.utf8.elementsEqual("y\(one),y\(other)\n31.0,30.0\n51.0,50.0\n".utf8), "\(again.text) \(again.error)")
    }

    @Test func whatChangesAModelRefusesThemByName() throws {
        let root = try TemporaryDirectory("twins")
        let (one, other) = Self.twins[0]
        try root.write(try Self.model(one, other).serialized(), to: "m.onnx")
        try root.write("\(one),\(other),l\n1,2,1\n3,4,0\n", to: "d.csv")
        let trained = try DaemonProcess.command(
            ["optimize", root("m.onnx"), "--labelled", root("d.csv"), "--label", "l", "--loss", "output=y" + one, "--out", root("n.onnx")])
        #expect(trained.status == 1 && trained.error.contains("differ only in how their characters are composed"), "\(trained.error)")
    }
}
