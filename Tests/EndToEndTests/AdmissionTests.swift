import Arrivals
import Foundation
import Ledger
import ONNX
import Reasons
import Recipes
import Tensors
import TestSupport
import Testing

/// Models that rows fill only if the pipeline says how, from files through commands and the daemon: refused before any data, or right.
@Suite struct AdmissionTests {
    private func write(_ model: Model, _ name: String, _ directory: TemporaryDirectory) throws {
        try directory.write(Array(try model.serialized()), to: name)
    }

    private func forward(_ directory: TemporaryDirectory, _ model: String, _ rows: String, _ more: [String] = []) throws -> (
        DaemonProcess.CommandOutput, String
    ) {
        try directory.write(rows, to: "rows.csv")
        let answer = try DaemonProcess.command(
            ["forward", directory(model), directory("rows.csv"), directory("out.csv"), "--force"] + more)
        return (answer, answer.status == 0 ? String(decoding: try directory.read("out.csv"), as: UTF8.self) : "")
    }

    /// `y [T, N, 2]`, the transpose of `x [N, T, 2]`.
    private func timeMajor(_ input: [Tensors.Dimension], _ output: [Tensors.Dimension]?) -> Model {
        let graph = Graph(
            name: "g", nodes: [Node("Transpose", ["x"], ["y"], [Attribute("perm", .ints([1, 0, 2]))])],
            inputs: [Value("x", .tensor(.float32, input))],
            outputs: [Value("y", .tensor(.float32, output))])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    /// A case of `findings`: as many rows as steps, two of them too. Once declared, once left open, so that only runs of the model can
    /// tell.
    @Test(arguments: [true, false], [2, 3]) func timeFirstIsNeverTakenForRows(isDeclared: Bool, steps: Int) throws {
        let directory = try TemporaryDirectory("time")
        let open: [Tensors.Dimension] = isDeclared ? [.symbolic("N"), .symbolic("T"), .fixed(2)] : [.unknown, .unknown, .fixed(2)]
        try write(timeMajor(open, isDeclared ? [.symbolic("T"), .symbolic("N"), .fixed(2)] : nil), "m.onnx", directory)
        let (rows, lines) = Self.square(steps)
        let (refused, _) = try forward(directory, "m.onnx", rows)
        #expect(refused.status == 1)
        for word in ["'y'", "axis 1 is the rows", "batch_axis: 1"] { #expect(refused.error.contains(word), "\(refused.error)") }
        let (answer, found) = try forward(directory, "m.onnx", rows, ["--batch-axis", "y=1"])
        #expect(answer.status == 0, "\(answer.error)")
        #expect(found.split(separator: "\n").dropFirst().map(String.init) == lines)
        #expect(found.hasPrefix("y_0_0,y_0_1,y_1_0"))
    }

    /// A model that takes one row in every run may give that row's output without an axis for it, as detectors and speech models do.
    @Test func aModelOfOneRowMayLeaveOutTheRows() throws {
        let directory = try TemporaryDirectory("one")
        let graph = Graph(
            name: "g",
            nodes: [
                Node("Squeeze", ["x", "first"], ["row"]), Node("Reshape", ["row", "shape"], ["block"]),
                Node("ReduceSum", ["row"], ["sum"], [Attribute("keepdims", .int(0))]),
            ],
            inputs: [Value("x", .tensor(.float32, [.fixed(1), .fixed(6)]))],
            outputs: [Value("block", .tensor(.float32, [.fixed(2), .fixed(3)])), Value("sum", .tensor(.float32, []))],
            initializers: [StoredTensor("first", .int64, [1], [0] as [Int64]), StoredTensor("shape", .int64, [2], [2, 3] as [Int64])])
        try write(Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph), "m.onnx", directory)
        let (answer, found) = try forward(directory, "m.onnx", "a,b,c,d,e,f\n1,2,3,4,5,6\n6,5,4,3,2,2\n0,0,0,0,0,1\n")
        #expect(answer.status == 0, "\(answer.error)")
        #expect(
            found == "block_0_0,block_0_1,block_0_2,block_1_0,block_1_1,block_1_2,sum\n1.0,2.0,3.0,4.0,5.0,6.0,21.0\n"
                + "6.0,5.0,4.0,3.0,2.0,2.0,22.0\n0.0,0.0,0.0,0.0,0.0,1.0,1.0\n")
    }

    /// A model that the engine does not load is named by its own path, not by that of the copy that was tried.
    @Test func whatTheEngineRefusesHasItsOwnName() throws {
        let directory = try TemporaryDirectory("names")
        let shape = ValueType.tensor(.float32, [.symbolic("N"), .fixed(2)])
        let graph = Graph(
            name: "g", nodes: [Node("Frobnicate", ["x"], ["y"], domain: "com.acme")], inputs: [Value("x", shape)],
            outputs: [Value("y", shape)])
        try write(
            Model(
                irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17), OperatorSet(domain: "com.acme", version: 1)],
                graph: graph), "m.onnx", directory)
        try directory.write("x_0,x_1\n1,2\n", to: "rows.csv")
        let drafted = try DaemonProcess.command(["init", directory("m.onnx"), directory("rows.csv"), "--root", directory("root")])
        let told = drafted.output + drafted.error
        #expect(told.contains("rejected: ") && told.contains("com.acme:Frobnicate") && told.contains("/m.onnx: "), "\(told)")
        #expect(!told.contains("model.onnx"), "\(told)")
    }

    /// As many rows of `x [N, T, 2]` as `steps`, and what their values are as floats.
    private static func square(_ steps: Int) -> (rows: String, lines: [String]) {
        let numbers = (0..<steps).map { row in (0..<2 * steps).map { row * 2 * steps + $0 } }
        let header = (0..<2 * steps).map { "x_\($0)" }.joined(separator: ",")
        let rows = numbers.map { $0.map(String.init).joined(separator: ",") + "\n" }.joined()
        return (header + "\n" + rows, numbers.map { $0.map { "\($0).0" }.joined(separator: ",") })
    }

    /// A declaration that says the rows are first, of an output where they are not: a run shows it, whatever the numbers of rows and steps.
    @Test(arguments: [2, 3]) func aDeclarationThatTheModelDoesNotKeepIsSeen(steps: Int) throws {
        let directory = try TemporaryDirectory("time")
        let declared: [Tensors.Dimension] = [.symbolic("N"), .symbolic("T"), .fixed(2)]
        try write(timeMajor(declared, declared), "m.onnx", directory)
        let (refused, _) = try forward(directory, "m.onnx", Self.square(steps).rows)
        #expect(refused.status == 1)
        for word in ["'y'", "axis 1 is the rows"] { #expect(refused.error.contains(word), "\(refused.error)") }
    }

    /// An output that is the same for every number of rows is refused with the model, not with the first data.
    @Test func aConstantOutputIsRefusedBeforeThereAreRows() throws {
        let directory = try TemporaryDirectory("constant")
        let type = ValueType.tensor(.float32, [.symbolic("N"), .symbolic("L")])
        let graph = Graph(
            name: "g", nodes: [Node("Relu", ["x"], ["y"]), Node("Identity", ["five"], ["anchors"])], inputs: [Value("x", type)],
            outputs: [Value("y", type), Value("anchors", .tensor(.float32, nil))],
            initializers: [StoredTensor("five", .float32, [5], [1, 2, 3, 4, 5] as [Float])])
        try write(Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph), "m.onnx", directory)
        let all = Self.pipeline("x: \"x_*\"").replacing(": { outputs: { y: { batch_axis: 0 } } }", with: ": {}")
        try directory.write(all, to: "pipelines/p.yaml")
        let bad = try DaemonProcess.command(["lint", "--model", directory("m.onnx"), "--root", directory.path])
        #expect(
            bad.status == 2 && bad.output.contains("'anchors'") && bad.output.contains("no axis of it is the rows"),
            "\(bad.output)\(bad.error)")
        try directory.write(Self.pipeline("x: \"x_*\""), to: "pipelines/p.yaml")
        let good = try DaemonProcess.command(["lint", "--model", directory("m.onnx"), "--root", directory.path])
        #expect(good.status == 0, "\(good.output)\(good.error)")
    }

    /// `y [N]` = the sums of `x`'s row and of `state`'s (which has the rows on its second axis) and `sr`, a single number.
    private func stateful() -> Model {
        let nodes = [
            Node("Transpose", ["state"], ["rows"], [Attribute("perm", .ints([1, 0, 2]))]),
            Node("ReduceSum", ["rows", "inner"], ["s"], [Attribute("keepdims", .int(0))]),
            Node("ReduceSum", ["x", "last"], ["t"], [Attribute("keepdims", .int(0))]),
            Node("Cast", ["sr"], ["rate"], [Attribute("to", .int(1))]),
            Node("Add", ["s", "t"], ["u"]), Node("Add", ["u", "rate"], ["y"]),
        ]
        let graph = Graph(
            name: "g", nodes: nodes,
            inputs: [
                Value("x", .tensor(.float32, [.unknown, .fixed(2)])), Value("state", .tensor(.float32, [.fixed(2), .unknown, .fixed(2)])),
                Value("sr", .tensor(.int64, [])),
            ], outputs: [Value("y", .tensor(.float32, [.unknown]))],
            initializers: [StoredTensor("inner", .int64, [2], [1, 2] as [Int64]), StoredTensor("last", .int64, [1], [1] as [Int64])])
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    @Test func inputsThatNoColumnFillsAreGivenValues() throws {
        let directory = try TemporaryDirectory("values")
        try write(stateful(), "m.onnx", directory)
        let rows = "id,x_0,x_1,state_0,state_1,state_2,state_3\na,1,2,1,0,0,0\nb,3,4,0,2,0,0\nc,5,6,0,0,4,8\n"
        let (refused, _) = try forward(directory, "m.onnx", rows)
        #expect(refused.status == 1)
        for word in ["'sr'", "--value sr=0", "'state'", "batch_axis: 1"] { #expect(refused.error.contains(word), "\(refused.error)") }
        let (constant, sums) = try forward(
            directory, "m.onnx", rows, ["--value", "sr=16000", "--value", "state=0.5", "--columns", "x=x_*"])
        #expect(constant.status == 0, "\(constant.error)")
        #expect(sums == "y\n16005.0\n16009.0\n16013.0\n")
        let (filled, own) = try forward(directory, "m.onnx", rows, ["--value", "sr=16000", "--batch-axis", "state=1", "--batch-size", "2"])
        #expect(filled.status == 0, "\(filled.error)")
        #expect(own == "y\n16004.0\n16009.0\n16023.0\n")
        let (each, elements) = try forward(
            directory, "m.onnx", rows, ["--value", "sr=0", "--value", "state=1,2,3,4", "--columns", "x=x_*"])
        #expect(each.status == 0, "\(each.error)")
        #expect(elements == "y\n13.0\n17.0\n21.0\n")
    }

    private static func pipeline(_ inputs: String) -> String {
        """
        name: p
        spool: { models: spool/models, data: spool/data }
        settle: { quiet: 200ms, give_up: 1s }
        schema: { inputs: { \(inputs) } }
        stages: [ deserialize: {}, forward: { outputs: { y: { batch_axis: 0 } } } ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }

        """
    }

    @Test func lintAndInitSayWhatTheDaemonWould() throws {
        let directory = try TemporaryDirectory("lint")
        try write(stateful(), "m.onnx", directory)
        try directory.write(Self.pipeline("x: \"x_*\""), to: "pipelines/p.yaml")
        let bad = try DaemonProcess.command(["lint", "--model", directory("m.onnx"), "--root", directory.path])
        #expect(bad.status == 2)
        for word in ["pipelines/p.yaml:4:", "schema.inputs.sr", "schema.inputs.state", "{ value: 0 }"] {
            #expect(bad.output.contains(word), "\(bad.output)")
        }
        try directory.write(Self.pipeline("x: \"x_*\", sr: { value: 16000 }, state: { value: 0 }"), to: "pipelines/p.yaml")
        let good = try DaemonProcess.command(["lint", "--model", directory("m.onnx"), "--root", directory.path])
        #expect(good.status == 0, "\(good.output)\(good.error)")
        let made = try DaemonProcess.command(["init", directory("m.onnx"), "--name", "q", "--root", directory.path])
        #expect(
            made.status == 0 && made.output.contains("would be rejected") && made.output.contains("'sr'"), "\(made.output)\(made.error)")
        #expect(String(decoding: try directory.read("pipelines/q.yaml"), as: UTF8.self).contains("sr: { value: 0 }"))
    }

    @Test func theDaemonRejectsTheModelAndItsDataWaits() throws {
        let daemon = try DaemonProcess("admission"), root = daemon.root
        try root.write(Self.pipeline("x: \"x_*\""), to: "pipelines/p.yaml")
        for folder in ["spool/models", "spool/data"] {
            try FileManager.default.createDirectory(atPath: root(folder), withIntermediateDirectories: true)
        }
        try daemon.start()
        #expect(eventually { daemon.logText.contains("notice running") })
        try daemon.drop(Array(try stateful().serialized()), at: "spool/models/m.onnx")
        try daemon.drop(Array("x_0,x_1\n1,2\n3,4\n".utf8), at: "spool/data/d.csv")
        func arrival(_ path: String) throws -> Arrival? {
            try RunLedger(stateDirectory: root(".millrace"), readOnly: true).explain(path: path, pipeline: "p", now: .now).first?.visits
                .first?.arrival
        }
        let isRejected = try eventually { try arrival("m.onnx")?.state == .rejected }
        let model = try arrival("m.onnx")
        #expect(isRejected, "\(String(describing: model?.state))")
        for word in ["'sr'", "'state'"] {
            #expect(model?.explanation?.reason.contains(word) ?? false, "\(String(describing: model?.explanation))")
        }
        let isWaiting = try eventually { try arrival("d.csv")?.state == .waiting }
        #expect(isWaiting, "\(daemon.logText)")
        // The pipeline says what is missing, and the model comes again.
        try root.write(Self.pipeline("x: \"x_*\", sr: { value: 16000 }, state: { value: 0 }"), to: "pipelines/p.yaml")
        #expect(eventually { daemon.logText.contains("pipelines re-read") })
        _ = try DaemonProcess.command(["retry", root("spool/models/m.onnx"), "--root", root.path])
        let isScored = eventually { FileManager.default.fileExists(atPath: root("out/outputs/d.csv")) }
        #expect(isScored, "\(daemon.logText)")
        if isScored { #expect(String(decoding: try root.read("out/outputs/d.csv"), as: UTF8.self) == "y\n16003.0\n16007.0\n") }
        #expect(daemon.stop() == 0)
    }

    /// A first axis that is fixed beside an open one is filled up and cut like one with all axes fixed.
    @Test(arguments: [(1, 2), (10, 13), (3, 3), (10, 1)]) func aFixedBatchBesideAnOpenAxisTakesAnyNumberOfRows(batch: Int, rows: Int) throws
    {
        let directory = try TemporaryDirectory("fixed")
        let type = ValueType.tensor(.float32, [.fixed(batch), .symbolic("L")])
        let graph = Graph(name: "g", nodes: [Node("Relu", ["x"], ["y"])], inputs: [Value("x", type)], outputs: [Value("y", type)])
        try write(Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph), "m.onnx", directory)
        let lines = (0..<rows).map { "\($0)\($0 % 2 == 0 ? ".5" : ".25"),-\($0 + 1)" }
        for more in [[], ["--batch-size", "4"]] {
            let (answer, found) = try forward(directory, "m.onnx", "a,b\n" + lines.joined(separator: "\n") + "\n", more)
            #expect(answer.status == 0, "\(answer.error)")
            #expect(found == "y_0,y_1\n" + lines.map { $0.split(separator: ",")[0] + ",0.0\n" }.joined())
        }
    }

    /// The operator sets 17 and 9 of one domain: Softmax is over the last axis from 13 on, over all behind the first before.
    @Test(arguments: [[17, 9], [9, 17]]) func theHighestOfTwoOperatorSetsCounts(versions: [Int64]) throws {
        let directory = try TemporaryDirectory("opset")
        let type = ValueType.tensor(.float32, [.symbolic("N"), .fixed(2), .fixed(2)])
        let graph = Graph(name: "g", nodes: [Node("Softmax", ["x"], ["y"])], inputs: [Value("x", type)], outputs: [Value("y", type)])
        try write(
            Model(irVersion: 8, operatorSets: versions.map { OperatorSet(domain: "", version: $0) }, graph: graph), "m.onnx", directory)
        let (answer, found) = try forward(directory, "m.onnx", "a,b,c,d\n1,1,5,5\n")
        #expect(answer.status == 0, "\(answer.error)")
        #expect(found == "y_0_0,y_0_1,y_1_0,y_1_1\n0.5,0.5,0.5,0.5\n")
    }

    /// A value that the graph replaces is NaN by default: the missing value in the file reaches the Imputer.
    @Test(arguments: [(Float.nan, true), (-1, false)]) func missingIsNaNWhereTheGraphLooksForIt(replaced: Float, isDefault: Bool) throws {
        let directory = try TemporaryDirectory("imputer")
        let nodes = [
            Node("Concat", ["a", "b"], ["both"], [Attribute("axis", .int(1))]),
            Node(
                "Imputer", ["both"], ["y"], domain: "ai.onnx.ml",
                [Attribute("imputed_value_floats", .floats([7, 8])), Attribute("replaced_value_float", .float(replaced))]),
        ]
        let column = ValueType.tensor(.float32, [.symbolic("N"), .fixed(1)])
        let graph = Graph(
            name: "g", nodes: nodes, inputs: [Value("a", column), Value("b", column)],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(2)]))])
        try write(
            Model(
                irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17), OperatorSet(domain: "ai.onnx.ml", version: 3)],
                graph: graph), "m.onnx",
            directory)
        let (answer, found) = try forward(directory, "m.onnx", "a,b\n1,\n,2\n")
        #expect((answer.status == 0) == isDefault, "\(answer.error)")
        if isDefault { #expect(found == "y_0,y_1\n1.0,8.0\n7.0,2.0\n") }
    }

    /// Trees know where a missing value goes: it is NaN unless the pipeline says otherwise.
    @Test func missingIsNaNForTrees() throws {
        let directory = try TemporaryDirectory("trees")
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        let model = folder + "/PassesTests/Classic/lightgbm-regressor.onnx"
        let rows = try directory.write("a,b,c,d\n1,,0.5,2\n,2,,0\n", to: "rows.csv")
        let answer = try DaemonProcess.command(["forward", model, rows, directory("gaps.csv")])
        #expect(answer.status == 0, "\(answer.error)")
        let told = try directory.write("a,b,c,d\n1,nan,0.5,2\nnan,2,nan,0\n", to: "told.csv")
        let same = try DaemonProcess.command(["forward", model, told, directory("told-out.csv")])
        #expect(same.status == 0, "\(same.error)")
        #expect(try directory.read("gaps.csv") == directory.read("told-out.csv"))
        #expect(try !String(decoding: directory.read("gaps.csv"), as: UTF8.self).contains("nan"))
    }

    /// The header of a file without rows says how many columns an input of open width takes.
    @Test func aTableWithoutRowsHasTheModelsColumns() throws {
        let directory = try TemporaryDirectory("none")
        let graph = Graph(
            name: "g", nodes: [Node("MatMul", ["x", "w"], ["y"])], inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .unknown]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(2)]))],
            initializers: [StoredTensor("w", .float32, [3, 2], (0..<6).map(Float.init))])
        try write(Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph), "m.onnx", directory)
        let (answer, found) = try forward(directory, "m.onnx", "a,b,c\n", ["--columns", "x=*"])
        #expect(answer.status == 0 && found == "y_0,y_1\n", "\(answer.error)\(found)")
    }

    /// Every exported text vectorizer asks for a locale; where the system lacks it, C.UTF-8 maps letters alike, but for Turkish.
    @Test(arguments: [nil, "en_US.UTF-8", "de_DE.utf8", "tr_TR.UTF-8"]) func aLocaleThatTheSystemLacksIsReplacedOrNamed(name: String?)
        throws
    {
        let directory = try TemporaryDirectory("locale")
        let type = ValueType.tensor(.string, [.symbolic("N")])
        let attributes = [Attribute("case_change_action", .string("LOWER"))] + (name.map { [Attribute("locale", .string($0))] } ?? [])
        let graph = Graph(
            name: "g", nodes: [Node("StringNormalizer", ["x"], ["y"], attributes)], inputs: [Value("x", type)], outputs: [Value("y", type)])
        try write(Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph), "m.onnx", directory)
        let (answer, found) = try forward(directory, "m.onnx", "x\nÄPFEL\nÉ\nabc\n")
        if name == "tr_TR.UTF-8", answer.status != 0 {
            for word in ["tr_TR.UTF-8", "locale-gen", "StringNormalizer"] { #expect(answer.error.contains(word), "\(answer.error)") }
        } else {
            #expect(answer.status == 0, "\(answer.error)")
            #expect(found == "y\näpfel\né\nabc\n")
        }
    }

    /// A model with the content of a rejected one is decided without an attempt, and what waits behind it goes on in the same call.
    @Test func onceGoesOnBehindAModelOfKnownContent() throws {
        let daemon = try DaemonProcess("known"), root = daemon.root
        try root.write(Self.pipeline("x: x"), to: "pipelines/p.yaml")
        let bad = TinyModel.adding(1, input: "z")
        for (name, bytes) in [("a", bad), ("b", bad), ("c", TinyModel.adding(2))] { try root.write(bytes, to: "spool/models/\(name).onnx") }
        try root.write("x\n1\n", to: "spool/data/d.csv")
        // Longer than the quiet time.
        Thread.sleep(forTimeInterval: 1)
        let once = try DaemonProcess.command(["run", "--once", root("pipelines/p.yaml"), "--root", root.path])
        #expect(once.status == 1, "\(once.error)")
        #expect(root.files().contains("out/models/1/model.onnx"), "\(once.error)")
        let isScored = FileManager.default.fileExists(atPath: root("out/outputs/d.csv"))
        #expect(isScored, "\(once.error)")
        if isScored { #expect(String(decoding: try root.read("out/outputs/d.csv"), as: UTF8.self) == "y\n3.0\n") }
    }
}
