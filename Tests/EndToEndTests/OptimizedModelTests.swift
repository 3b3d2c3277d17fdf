import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

/// Models that `optimize` must read with care: an output that is named twice, gaps in the rows, weights in Constant nodes.
@Suite struct OptimizedModelTests {
    /// An output that the model names twice is one.
    @Test func anOutputThatIsNamedTwiceIsOne() throws {
        let directory = try DigitsSample.copy()
        var model = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: directory("undertrained.onnx"))))
        model.graph.outputs.removeAll { $0.name != "logits" }
        model.graph.outputs.append(model.graph.outputs[0])
        try model.serialized().write(to: URL(fileURLWithPath: directory("undertrained.onnx")))
        let tuned = try DaemonProcess.command(
            [
                "optimize", directory("undertrained.onnx"), "--labelled", directory("labelled.csv"), "--out", directory("new.onnx"),
                "--loss", "cross_entropy", "--epochs", "2",
            ]
                + DigitsSample.options)
        #expect(tuned.status == 0, "\(tuned.error)")
        let written = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: directory("new.onnx"))))
        #expect(written.graph.outputs.map(\.name) == ["logits", "logits"])
    }

    /// A gap is to training what it is to scoring, however the file writes it: NaN where the model looks for it, or what `missing` says.
    @Test(arguments: ["xgboost-2", "prepared"])
    func gapsAreWhatTheModelTakesThemFor(_ name: String) throws {
        let directory = try TemporaryDirectory("gaps")
        let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "PassesTests/Classic")
        try directory.write(
            """
            name: gaps
            spool: { models: { path: models }, data: { path: data }, labelled: { path: labelled } }
            schema: { label: label, missing: 0 }
            stages: [deserialize: {}, optimize: { gradient: { loss: cross_entropy, epochs: 2, validation: 0 } }, forward: {}]
            land: { models: { path: out }, outputs: { path: scores } }
            """, to: "zero.yaml")
        var written: [[String]: Data] = [:]
        for gap in ["", "nan", "0"] {
            var text = "a,b,c,d,label\n"
            for row in 0..<60 {
                var cells = (0..<4).map { "\(Double((row * 7 + $0 * 5) % 11) / 4 - 1.5)" }
                if row % 3 == 0 { cells[row % 4] = gap }
                text += (cells + ["\(row % 2)"]).joined(separator: ",") + "\n"
            }
            try directory.write(text, to: "rows.csv")
            for settings in [
                ["--loss", "cross_entropy", "--label", "label", "--epochs", "2", "--validation", "0"],
                ["--pipeline", directory("zero.yaml")],
            ] {
                let tuned = try DaemonProcess.command(
                    [
                        "optimize", models.appendingPathComponent("\(name).onnx").path, "--labelled", directory("rows.csv"), "--out",
                        directory("new.onnx"), "--force", "--threads", "1",
                    ]
                        + settings)
                #expect(tuned.status == 0, "\(tuned.error)")
                written[[gap, settings[0]]] = try Data(contentsOf: URL(fileURLWithPath: directory("new.onnx")))
            }
        }
        #expect(written[["", "--loss"]] == written[["nan", "--loss"]])
        #expect(written[["", "--loss"]] != written[["0", "--loss"]])
        for gap in ["", "nan"] { #expect(written[[gap, "--pipeline"]] == written[["0", "--pipeline"]]) }
    }

    /// A model with its weights in Constant nodes, two of them copies, through the commands: what `gradients` lists is what `optimize`
    /// trains.
    @Test func weightsInConstantNodesAndCopiesAreListedTrainedAndWrittenBack() throws {
        let directory = try TemporaryDirectory("optimize")
        let weight = Tensor(.float32, [9, 9], (0..<81).map { Float($0 * 37 % 101 - 50) / 200 })
        func constant(_ name: String, _ tensor: Tensor) -> Node {
            Node("Constant", [], [name], [Attribute("value", .tensor(StoredTensor("", tensor)))])
        }
        let graph = Graph(
            name: "copies",
            nodes: [
                constant("first", weight), constant("second", weight),
                constant("out", Tensor(.float32, [9, 1], [Float](repeating: 0.1, count: 9))),
                Node("Constant", [], ["bias"], [Attribute("value_float", .float(0))]),
                Node("Constant", [], ["half"], [Attribute("value_float", .float(0.5))]),
                Node("MatMul", ["x", "first"], ["a"]), Node("Tanh", ["a"], ["b"]), Node("MatMul", ["b", "second"], ["c"]),
                Node("Mul", ["c", "half"], ["d"]),
                Node("MatMul", ["d", "out"], ["e"]), Node("Add", ["e", "bias"], ["y"]),
            ], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(9)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(1)]))])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        try directory.write(Array(model.serialized()), to: "m.onnx")
        var rows = "x0,x1,x2,x3,x4,x5,x6,x7,x8,t\n"
        for row in 0..<60 {
            let x = (0..<9).map { Double((row * 7 + $0 * 13) % 19) / 10 - 0.9 }
            rows += x.map { "\($0)" }.joined(separator: ",") + ",\(x[0] - x[4] + 2)\n"
        }
        try directory.write(rows, to: "rows.csv")
        let list = try DaemonProcess.command(["gradients", directory("m.onnx"), "--list"])
        #expect(list.status == 0, "\(list.error)")
        #expect(list.output.contains("first [9, 9]: trained; the same weight as second, unless `untie` names it"), "\(list.output)")
        #expect(list.output.contains("bias []: trained\n") && list.output.contains("half []: a single number"), "\(list.output)")
        func optimize(_ out: String, _ more: [String]) throws -> Model {
            let done = try DaemonProcess.command(
                [
                    "optimize", directory("m.onnx"), "--labelled", directory("rows.csv"), "--out", directory(out), "--label", "t",
                    "--columns", "x=x?",
                    "--loss", "mean_squared_error", "--epochs", "5", "--learning-rate", "0.01", "--validation", "0", "--threads", "1",
                ] + more)
            #expect(done.status == 0, "\(done.error)")
            return try Model(serialized: Data(directory.read(out)))
        }
        let tied = try optimize("tied.onnx", []), untied = try optimize("untied.onnx", ["--untie", "second"])
        func values(_ model: Model, _ position: Int) throws -> [Float]? {
            try model.graph.nodes[position].constantTensor?.tensor().values(as: Float.self)
        }
        #expect(try values(tied, 0) == values(tied, 1) && values(tied, 0) != values(model, 0))
        #expect(try values(untied, 0) != values(untied, 1))
        #expect(try values(tied, 3) != values(model, 3) && values(tied, 4) == values(model, 4))
        // Only the trained nodes differ, and these only in their tensors.
        var restored = tied
        for position in 0..<4 { restored.graph.nodes[position].attributes = model.graph.nodes[position].attributes }
        #expect(restored == model)
        let wrong = try DaemonProcess.command([
            "optimize", directory("m.onnx"), "--labelled", directory("rows.csv"), "--out", directory("z.onnx"), "--label", "t",
            "--columns", "x=x?", "--loss", "mean_squared_error", "--untie", "third",
        ])
        #expect(
            wrong.status == 1 && wrong.error.contains("untie: no shared weight has a name like \"third\"; shared are first, second"),
            "\(wrong.error)")
    }
}
