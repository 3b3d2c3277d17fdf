import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

@Suite struct OutputTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("columnar") }

    private func lines(_ outputs: [(name: String, value: OutputValue)], _ columns: OutputColumns = OutputColumns(), rows: Int = 2) throws
        -> [String]
    {
        let writer = OutputWriter(path: directory("out.jsonl"), format: .jsonLines, columns: columns)
        try writer.write(kept: RecordBatch(columns: [], rowCount: rows), outputs: outputs, rowCount: rows)
        _ = try writer.finish()
        return try String(contentsOfFile: directory("out.jsonl"), encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func namesWithoutRules() throws {
        #expect(
            try lines([
                ("y", .tensor(Tensor(.int64, [2], [7, 8] as [Int64]))), ("z", .tensor(Tensor(.float32, [2, 1], [0.1, 2] as [Float]))),
            ])
                == ["{\"y\":7,\"z\":0.1}", "{\"y\":8,\"z\":2.0}"])
        #expect(
            try lines([("p", .tensor(Tensor(.float32, [2, 3], [1, 2, 3, 4, 5, .nan] as [Float])))])
                == ["{\"p_0\":1.0,\"p_1\":2.0,\"p_2\":3.0}", "{\"p_0\":4.0,\"p_1\":5.0,\"p_2\":null}"])
        #expect(
            try lines([("b", .tensor(Tensor(.uint8, [1, 2, 2], [1, 2, 3, 4] as [UInt8])))], rows: 1) == [
                "{\"b_0_0\":1,\"b_0_1\":2,\"b_1_0\":3,\"b_1_1\":4}"
            ])
        #expect(
            try lines([("s", .tensor(Tensor(strings: ["a\"\u{1}", "é\n"], shape: [2])))]) == [
                "{\"s\":\"a\\\"\\u0001\"}", "{\"s\":\"é\\n\"}",
            ])
    }

    @Test func rulesAndClasses() throws {
        let probabilities = OutputValue.tensor(Tensor(.float32, [2, 2], [0.25, 0.75, 0.5, 0.5] as [Float]))
        let classes = OutputColumns(
            rules: [OutputRule(output: "p", columns: "p_*", classColumn: "class", argmaxColumn: "index")], classes: ["no", "yes"])
        #expect(
            try lines([("p", probabilities)], classes)
                == [
                    "{\"p_no\":0.25,\"p_yes\":0.75,\"class\":\"yes\",\"index\":1}",
                    "{\"p_no\":0.5,\"p_yes\":0.5,\"class\":\"no\",\"index\":0}",
                ])
        #expect(
            try lines([("p", probabilities)], OutputColumns(rules: [OutputRule(output: "p", argmaxColumn: "i")])) == [
                "{\"i\":1}", "{\"i\":0}",
            ])
        let map = OutputValue.labelled(
            keys: Tensor(strings: ["setosa", "virginica"], shape: [2]), values: Tensor(.float32, [2, 2], [0.1, 0.9, 1, 0] as [Float]))
        #expect(
            try lines([("p", map)], OutputColumns(rules: [OutputRule(output: "p", columns: "p_*", classColumn: "c")]))
                == [
                    "{\"p_setosa\":0.10000000149011612,\"p_virginica\":0.8999999761581421,\"c\":\"virginica\"}",
                    "{\"p_setosa\":1.0,\"p_virginica\":0.0,\"c\":\"setosa\"}",
                ])
        let numbered = OutputValue.labelled(
            keys: Tensor(.int64, [2], [0, 1] as [Int64]), values: Tensor(.float64, [1, 2], [0.25, 0.75] as [Double]))
        #expect(try lines([("p", numbered)], rows: 1) == ["{\"p_0\":0.25,\"p_1\":0.75}"])
        #expect(try lines([("p", numbered)], OutputColumns(classes: ["no", "yes"]), rows: 1) == ["{\"p_no\":0.25,\"p_yes\":0.75}"])
        let nan = OutputValue.tensor(Tensor(.float32, [1, 3], [.nan, -1, -2] as [Float]))
        #expect(try lines([("p", nan)], OutputColumns(rules: [OutputRule(output: "p", argmaxColumn: "i")]), rows: 1) == ["{\"i\":1}"])
    }

    @Test func narrowTypesBecomeWhatEqualsThem() throws {
        func value(_ type: ElementType, _ bytes: [UInt8]) throws -> String {
            let count = bytes.count * 8 / type.bitWidth!
            let tensor = bytes.withUnsafeBytes { Tensor(elementType: type, shape: [1, count], bytes: $0)! }
            return try lines([("v", .tensor(tensor))], rows: 1)[0].replacing(/"v(_\d+)?":/, with: "")
        }
        // The least and greatest normal and subnormal numbers by ONNX's description of each type.
        #expect(try value(.float8e4m3fn, [0x01, 0x08, 0x7e, 0x7f, 0xb8]) == "{0.001953125,0.015625,448.0,null,-1.0}")
        #expect(try value(.float8e4m3fnuz, [0x01, 0x7f, 0x80, 0xc0]) == "{0.0009765625,240.0,null,-1.0}")
        #expect(try value(.float8e5m2, [0x01, 0x7b, 0x7c, 0xbc]) == "{1.5258789e-05,57344.0,null,-1.0}")
        #expect(try value(.float8e5m2fnuz, [0x01, 0x7f, 0x80, 0xc0]) == "{7.6293945e-06,57344.0,null,-1.0}")
        #expect(try value(.float8e8m0, [127, 128, 255, 0]) == "{1.0,2.0,null,5.877472e-39}")
        #expect(try value(.float4e2m1, [0x71, 0xfa]) == "{0.5,6.0,-1.0,-6.0}")
        #expect(try value(.int4, [0x81]) == "{1,-8}")
        #expect(try value(.uint2, [0b11_10_01_00]) == "{0,1,2,3}")
        #expect(try value(.bfloat16, [0xc0, 0x3f]) == "{1.5}")
        #expect(try value(.float16, [0, 0x3e]) == "{1.5}")
        let complex = Tensor(.float32, [2], [1, -2] as [Float])
        #expect(
            try lines([("v", .tensor(Tensor(elementType: .complex64, shape: [1], bytes: complex.bytes)!))], rows: 1) == [
                "{\"v_real\":1.0,\"v_imag\":-2.0}"
            ])
    }

    @Test func refusals() throws {
        let wide = OutputValue.tensor(Tensor(.float32, [1, 2], [1, 2] as [Float]))
        #expect(
            message { _ = try lines([("p", wide)], OutputColumns(rules: [OutputRule(output: "p", columns: "one")]), rows: 1) }.contains(
                "\"one\" is one name: put a * in it"))
        #expect(
            message { _ = try lines([("p", wide)], OutputColumns(rules: [OutputRule(output: "q", columns: "*")]), rows: 1) }.contains(
                "which the model lacks: did you mean \"p\"?"))
        #expect(
            message { _ = try lines([("p", wide)], OutputColumns(rules: [OutputRule(output: "p", classColumn: "c")]), rows: 1) }.contains(
                "schema.classes does not name as many classes"))
        #expect(message { _ = try lines([("p", wide)], rows: 2) }.contains("its first axis must be the rows"))
        #expect(
            message { _ = try lines([("p", wide), ("p_0", .tensor(Tensor(.float32, [1], [1] as [Float])))], rows: 1) }.contains(
                "two output columns have this name"))
    }

    @Test func outputsOfAnyFormatAgree() throws {
        let source = try directory.write("id,x\n01,1.5\n02,2.5\n03,3.5\n", to: "a.csv")
        for format in [TableFormat.csv, .jsonLines, .parquet, .arrow, .npz] {
            let binder = try openInputs(
                path: source, inputs: [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 1])],
                schema: TableSchemaRule(keep: ["id"]), batchRows: 2)
            let target = directory("out.\(format)")
            let writer = OutputWriter(
                path: target, format: format,
                columns: OutputColumns(
                    rules: [OutputRule(output: "y", columns: "score"), OutputRule(output: "p", columns: "p_*", classColumn: "class")],
                    classes: ["a", "b"]), metadata: [("millrace.version", "3")])
            while let batch = try binder.next() {
                let x = batch.tensors["x"]!.values(as: Float.self)!
                let p = Tensor(.float32, [batch.rowCount, 2], x.flatMap { [$0, 2] })
                try writer.write(
                    kept: batch.kept, outputs: [("y", .tensor(batch.tensors["x"]!)), ("p", .tensor(p))], rowCount: batch.rowCount)
            }
            #expect(try writer.finish().rowCount == 3)
            let inputs = [ModelInput(name: format == .npz ? "y" : "score", elementType: .float32, dimensions: [nil, 1])]
            let back = try openInputs(path: target, inputs: inputs, schema: TableSchemaRule(keep: ["id", "class"]), batchRows: 10)
            let batch = try #require(try back.next())
            #expect(batch.tensors.values.first?.values(as: Float.self) == [1.5, 2.5, 3.5])
            let cells = try batch.kept.columns.map { try BytesColumn($0, file: target) }
            #expect((0..<3).map { cells[0][$0] + cells[1][$0] } == ["01b", "02a", "03a"])
        }
    }

    /// Between others, an output of shape `[N, 0]` gives no column, and takes nothing from those beside it.
    @Test(arguments: [TableFormat.csv, .jsonLines, .parquet, .arrow, .npz])
    func anOutputWithoutElementsBecomesNoColumn(format: TableFormat) throws {
        let none = Tensor(elementType: .float32, shape: [2, 0], buffer: TensorBuffer(byteCount: 0)),
            noTexts = Tensor(strings: [], shape: [2, 0])
        let outputs: [(name: String, value: OutputValue)] = [
            ("none", .tensor(none)), ("x", .tensor(Tensor(.float32, [2, 1], [1.5, 2.5] as [Float]))), ("texts", .tensor(noTexts)),
            ("p", .tensor(Tensor(.float32, [2, 2], [1, 2, 3, 4] as [Float]))),
        ]
        let chosen = [
            OutputRule(output: "none", columns: "n_*"), OutputRule(output: "x", columns: "x"), OutputRule(output: "p", columns: "p_*"),
        ]
        for (index, rules) in [nil, chosen].enumerated() {
            let path = directory("o\(index).\(format)")
            let writer = OutputWriter(path: path, format: format, columns: OutputColumns(rules: rules))
            try writer.write(kept: RecordBatch(columns: [], rowCount: 2), outputs: outputs, rowCount: 2)
            #expect(try writer.finish().rowCount == 2)
            if format == .npz {
                let names = rules == nil ? ["none", "x", "texts", "p"] : ["none", "x", "p"]
                #expect(try NamedArrays.names(path).sorted() == names.sorted())
                guard Oracle.isAvailable else { continue }
                let script =
                    "import sys, numpy as np; f = np.load(sys.argv[1]); print(*[f[n].shape for n in ['none', 'x', 'p']], f['p'].sum())"
                let shapes = try Oracle.run(script, [path])
                #expect(shapes == "(2, 0) (2, 1) (2, 2) 10.0", "\(shapes)")
                continue
            }
            let names = try TableReader(path: path, format: format).schema.names
            #expect(names == ["x", "p_0", "p_1"])
            let inputs = [ModelInput(name: "i", elementType: .float32, dimensions: [nil, 3])]
            let rows = try openInputs(
                path: path, format: format, inputs: inputs, rules: ["i": InputRule(columns: .list(names))], batchRows: 9
            ).next()
            #expect(rows?.tensors["i"]?.values(as: Float.self) == [1.5, 1, 2, 2.5, 3, 4])
        }
        // There is no greatest of no elements, and nothing to write where that is all.
        let kept = RecordBatch(columns: [], rowCount: 2), greatest = OutputColumns(rules: [OutputRule(output: "none", argmaxColumn: "a")])
        let writer = OutputWriter(path: directory("a.\(format)"), format: format, columns: greatest)
        #expect(message { try writer.write(kept: kept, outputs: outputs, rowCount: 2) }.contains("\"none\" holds no values"))
        guard format != .npz else { return }
        let alone = OutputWriter(path: directory("b.\(format)"), format: format)
        #expect(message { try alone.write(kept: kept, outputs: [outputs[0]], rowCount: 2) }.contains("leaves no column to write"))
    }
}
