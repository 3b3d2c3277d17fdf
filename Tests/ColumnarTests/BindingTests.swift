import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Binds a file (or CSV text) and gives what the model would get.
private struct Bound {
    var tensors: [String: [Double]] = [:]
    var strings: [String: [String]] = [:]
    var shapes: [String: [[Int]]] = [:]
    var columns: [String: [String]] = [:]
    var kept: [String] = []
    var rows: [Int] = []

    init(
        _ path: String, _ inputs: [ModelInput], rules: NameMap<InputRule> = [:], schema: TableSchemaRule = TableSchemaRule(),
        batchRows: Int = 1000, options: ReadOptions = ReadOptions(), pinned: [String: [String]] = [:]
    ) throws {
        let binder = try TableBinder(
            reader: TableReader(path: path, options: options), inputs: inputs, rules: rules, schema: schema, batchRows: batchRows,
            pinned: pinned)
        columns = Dictionary(uniqueKeysWithValues: binder.boundColumns.map { ($0.key, $0.value) })
        while let batch = try binder.next() {
            rows.append(batch.rowCount)
            for (name, tensor) in batch.tensors {
                shapes[name, default: []].append(tensor.shape.dimensions)
                if let strings = tensor.strings {
                    self.strings[name, default: []] += strings
                } else {
                    tensors[name, default: []] += numbers(tensor)
                }
            }
            let cells = try batch.kept.columns.map { try CellText($0, isJSON: true, file: path) }
            for row in 0..<batch.rowCount {
                var text: [UInt8] = []
                for cell in cells { cell.append(row, to: &text); text.append(UInt8(ascii: ";")) }
                kept.append(String(decoding: text, as: UTF8.self))
            }
        }
    }
}

private func numbers(_ tensor: Tensor) -> [Double] {
    switch tensor.elementType {
    case .float32: tensor.values(as: Float.self)!.map(Double.init)
    case .float64: tensor.values(as: Double.self)!
    case .float16: tensor.values(as: Float16.self)!.map(Double.init)
    case .bfloat16: tensor.values(as: UInt16.self)!.map { Double(Float(bitPattern: UInt32($0) << 16)) }
    case .int8: tensor.values(as: Int8.self)!.map(Double.init)
    case .uint8, .bool: tensor.values(as: UInt8.self)!.map(Double.init)
    case .int16: tensor.values(as: Int16.self)!.map(Double.init)
    case .uint16: tensor.values(as: UInt16.self)!.map(Double.init)
    case .int32: tensor.values(as: Int32.self)!.map(Double.init)
    case .uint32: tensor.values(as: UInt32.self)!.map(Double.init)
    case .uint64: tensor.values(as: UInt64.self)!.map { Double($0) }
    default: tensor.values(as: Int64.self)!.map(Double.init)
    }
}

private func input(_ name: String, _ type: ElementType = .float32, _ dimensions: Int?...) -> ModelInput {
    ModelInput(name: name, elementType: type, dimensions: dimensions)
}

@Suite struct BindingTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("columnar") }

    @Test func onlyInputTakesNumericColumnsInFileOrder() throws {
        let path = try directory.write("id,b,a,y,city,flag\n7,1.5,2,0,Ulm,true\n8,3.5,4,1,Bonn,false\n", to: "a.csv")
        let bound = try Bound(path, [input("x", .float32, nil, 3)], schema: TableSchemaRule(key: ["id"], label: "y", keep: ["city", "id"]))
        #expect(bound.tensors["x"] == [1.5, 2, 1, 3.5, 4, 0])
        #expect(bound.columns == ["x": ["b", "a", "flag"]])
        #expect(bound.kept == ["\"Ulm\";\"7\";", "\"Bonn\";\"8\";"])
    }

    @Test func patternsBindInNumericOrderAndPackRowMajor() throws {
        var generator = SeededGenerator(seed: 7)
        let names = (0..<12).shuffled(using: &generator).map { "p_\($0)" }
        let row = names.map { String($0.dropFirst(2)) }.joined(separator: ",")
        let path = try directory.write("id," + names.joined(separator: ",") + "\nk," + row + "\n", to: "a.csv")
        let bound = try Bound(
            path, [input("x", .float32, nil, 3, 4)], rules: ["x": InputRule(columns: .pattern("p_*"), scale: 0.5, offset: 1)])
        #expect(bound.tensors["x"] == (0..<12).map { Double($0) / 2 + 1 })
        #expect(bound.shapes["x"] == [[1, 3, 4]])
    }

    @Test func severalInputsBindByName() throws {
        let path = try directory.write("age,name,vip,v_0,v_1\n31,Eva,true,1,2\n4,Ada,false,3,4\n", to: "a.csv")
        let bound = try Bound(
            path, [input("age", .int64, nil, 1), input("name", .string, nil, 1), input("vip", .bool, nil), input("v", .float64, nil, 2)])
        #expect(bound.tensors["age"] == [31, 4])
        #expect(bound.strings["name"] == ["Eva", "Ada"])
        #expect(bound.tensors["vip"] == [1, 0])
        #expect(bound.tensors["v"] == [1, 2, 3, 4])
        #expect(bound.shapes == ["age": [[2, 1]], "name": [[2, 1]], "vip": [[2]], "v": [[2, 2]]])
    }

    @Test func numbersAreTextWhereTheModelWantsText() throws {
        let csv = try directory.write("zip,n\n01234,1\n99,2\n", to: "a.csv")
        #expect(try Bound(csv, [input("zip", .string, nil, 1)]).strings["zip"] == ["01234", "99"])
        let lines = try directory.write("{\"zip\": 1234}\n{\"zip\": 99}\n", to: "a.jsonl")
        #expect(try Bound(lines, [input("zip", .string, nil, 1)]).strings["zip"] == ["1234", "99"])
    }

    @Test(arguments: [1, 2, 7, 13, 64, 100, 1000], ["batches.arrow", "groups.parquet"])
    func rowsAreGatheredAcrossBatches(batchRows: Int, name: String) throws {
        let bound = try Bound(
            fixture(name), [input("x", .float32, nil, 1), input("b", .int32, nil)],
            rules: ["x": InputRule(missing: .value(-1)), "b": InputRule(missing: .value(9))], schema: TableSchemaRule(keep: ["s", "b"]),
            batchRows: batchRows)
        let x: [Double] = (0..<100).map { (i: Int) -> Double in i % 5 == 0 ? -1 : Double(i) }
        let b: [Double] = (0..<100).map { (i: Int) -> Double in i % 7 == 0 ? 9 : i % 3 == 0 ? 1 : 0 }
        #expect(bound.tensors["x"] == x)
        #expect(bound.tensors["b"] == b)
        let kept: [String] = (0..<100).map { (i: Int) -> String in
            let text = i % 4 == 0 ? "null" : "\"s\(i)\""
            let flag = i % 7 == 0 ? "null" : i % 3 == 0 ? "true" : "false"
            return text + ";" + flag + ";"
        }
        #expect(bound.kept == kept)
        #expect(bound.rows.dropLast().allSatisfy { $0 == batchRows })
    }

    @Test(arguments: [1, 2, 8, 13, 16, 17, 40, 500])
    func gatherOfAnyWidth(width: Int) throws {
        let rows = 5000
        var text = (0..<width).map { "c\($0)" }.joined(separator: ",") + "\n"
        for row in 0..<rows { text += (0..<width).map { "\(row * 7 + $0)" }.joined(separator: ",") + "\n" }
        let path = try directory.write(text, to: "a.csv")
        let expected = (0..<rows * width).map { Double($0 / width * 7 + $0 % width) }
        #expect(try Bound(path, [input("x", .float32, nil, width)], batchRows: 777).tensors["x"] == expected)
        try copy(path, to: directory("a.parquet"), format: .parquet)
        for type in [ElementType.float32, .float64, .int32, .uint16, .int64] where width <= 40 {
            #expect(try Bound(directory("a.parquet"), [input("x", type, nil, width)]).tensors["x"] == expected, "\(type)")
        }
    }

    /// Every numeric source into every numeric input, the missing row filled.
    @Test(arguments: [
        ElementType.float32, .float64, .float16, .bfloat16, .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64, .uint64, .bool,
    ])
    func everyTypeIntoEveryInput(type: ElementType) throws {
        for column in ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "flag"] {
            let reader = try TableReader(path: fixture("types.arrow"))
            let binder = try TableBinder(
                reader: reader, inputs: [input("x", type, nil, 1)],
                rules: ["x": InputRule(columns: .list([column]), missing: .value(1))], batchRows: 2)
            let first = try #require(try binder.next())
            #expect(numbers(first.tensors["x"]!) == [1, 1], "\(column)")
        }
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let column: String, type: ElementType, message: String
        var testDescription: String { "\(column) as \(type)" }
    }
    @Test(arguments: [
        Refusal(column: "i16", type: .int8, message: "row 3, column \"i16\", model input \"x\": the value -32768 does not fit int8"),
        Refusal(
            column: "u64", type: .int64,
            message: "row 3, column \"u64\", model input \"x\": the value 18446744073709551615 does not fit int64"),
        Refusal(column: "i8", type: .uint8, message: "row 3, column \"i8\", model input \"x\": the value -128 does not fit uint8"),
        Refusal(column: "f64", type: .int64, message: "row 1, column \"f64\", model input \"x\": the value 0.1 does not fit int64"),
        Refusal(
            column: "u32", type: .float16, message: "row 3, column \"u32\", model input \"x\": the value 4294967295 does not fit float16"),
        Refusal(column: "i8", type: .bool, message: "row 3, column \"i8\", model input \"x\": the value -128 does not fit bool"),
        Refusal(column: "text", type: .float32, message: "row 1, column \"text\", model input \"x\": \"é\" is no number"),
        Refusal(column: "day", type: .float32, message: "row 1, column \"day\", model input \"x\": a date or a time, and no number"),
    ])
    func whatDoesNotFitIsRefused(refusal: Refusal) throws {
        let text = message {
            _ = try Bound(
                fixture("types.arrow"), [input("x", refusal.type, nil, 1)],
                rules: ["x": InputRule(columns: .list([refusal.column]), missing: .value(0))])
        }
        #expect(text == fixture("types.arrow") + ": " + refusal.message)
    }

    @Test func decimalsDictionariesAndListsAreNumbersToo() throws {
        let inputs = [
            input("price", .float32, nil, 1), input("code", .float64, nil), input("word", .string, nil), input("vec", .float32, nil, 2),
            input("view", .string, nil),
        ]
        var rules = NameMap(uniqueKeysWithValues: ["price", "code"].map { ($0, InputRule(missing: .value(7))) })
        rules["word"] = InputRule(missing: .text("?"))
        rules["view"] = InputRule(missing: .text("?"))
        let reader = try TableReader(path: fixture("types.arrow"))
        let binder = try TableBinder(reader: reader, inputs: Array(inputs.filter { $0.name != "vec" }), rules: rules, batchRows: 10)
        let batch = try #require(try binder.next())
        #expect(numbers(batch.tensors["price"]!) == [Double(Float(12.3)), 7, Double(Float(-0.05))])
        #expect(numbers(batch.tensors["code"]!) == [20.5, 7, 10.5])
        #expect(batch.tensors["word"]!.strings == ["u", "?", "v"])
        #expect(batch.tensors["view"]!.strings == ["é", "?", "a string longer than twelve bytes"])
        #expect(
            message { _ = try Bound(fixture("types.arrow"), [input("vec", .float32, nil, 2)]) }.hasSuffix(
                "row 2, column \"vec\", model input \"vec\": there is no list"))
        let lines = try directory.write("{\"e\":[1,2,3],\"k\":1}\n{\"e\":[4,5,6.5],\"k\":2}\n", to: "a.jsonl")
        #expect(try Bound(lines, [input("e", .float32, nil, 3), input("k", .float32, nil)]).tensors["e"] == [1, 2, 3, 4, 5, 6.5])
        let ragged = try directory.write("{\"e\":[1,2,3]}\n{\"e\":[4,5]}\n", to: "b.jsonl")
        #expect(
            message { _ = try Bound(ragged, [input("e", .float32, nil, 3)]) }.hasSuffix(
                "row 2, column \"e\", model input \"e\": the list has 2 elements, the input takes 3"))
    }

    @Test func missingValues() throws {
        let path = try directory.write("x,n\n1,1\n,2\n3,\nNA,3.0\n", to: "a.csv")
        let x = input("x", .float32, nil, 1), n = input("n", .int32, nil)
        #expect(
            message { _ = try Bound(path, [x]) }.hasSuffix(
                "row 2, column \"x\", model input \"x\": there is no value: give the input `missing: nan` or a number if that is meant"))
        #expect(
            message { _ = try Bound(path, [n]) }.hasSuffix(
                "row 3, column \"n\", model input \"n\": there is no value: give the input `missing:` a number if that is meant"))
        let filled = try Bound(path, [x, n], rules: ["x": InputRule(scale: 2, missing: .value(10)), "n": InputRule(missing: .value(-1))])
        #expect(filled.tensors["x"] == [2, 20, 6, 20])
        #expect(filled.tensors["n"] == [1, 2, -1, 3])
        let nan = try Bound(path, [x], rules: ["x": InputRule(missing: .nan)])
        #expect(nan.tensors["x"]!.map(\.isNaN) == [false, true, false, true])
        #expect(
            message { _ = try Bound(path, [n], rules: ["n": InputRule(missing: .nan)]) }.hasPrefix(
                "missing: nan does not fit model input \"n\" of type int32"))
        #expect(message { _ = try Bound(path, [n], rules: ["n": InputRule(missing: .value(0.5))]) }.hasPrefix("missing: 0.5 does not fit"))
    }

    @Test func nonFiniteValues() throws {
        let path = try directory.write("x\n1\ninf\n-2\n", to: "a.csv")
        let x = input("x", .float32, nil, 1)
        #expect(try Bound(path, [x]).tensors["x"] == [1, .infinity, -2])
        #expect(
            message { _ = try Bound(path, [x], rules: ["x": InputRule(refusesNonFinite: true)]) }.hasSuffix(
                "row 2, column \"x\", model input \"x\": the value is inf, which is not finite"))
        // A value that is missing, in whichever way, is what `missing` says; infinities stay refused.
        try copy(directory.write("x,z\n1,1\nnan,1\n,1\n", to: "c.csv"), to: directory("c.parquet"), format: .parquet)
        try copy(directory.write("x,z\n1,1\n,1\n-inf,1\n", to: "d.csv"), to: directory("d.parquet"), format: .parquet)
        for suffix in ["csv", "parquet"] {
            func bound(_ name: String, _ missing: InputRule.Missing) throws -> Bound {
                try Bound(directory("\(name).\(suffix)"), [x], rules: ["x": InputRule(missing: missing, refusesNonFinite: true)])
            }
            #expect(try bound("c", .value(7)).tensors["x"] == [1, 7, 7])
            #expect(try bound("c", .nan).tensors["x"]?.map(\.isNaN) == [false, true, true])
            #expect(message { _ = try bound("c", .error) }.hasSuffix("give the input `missing: nan` or a number if that is meant"))
            for missing in [InputRule.Missing.nan, .value(7)] {
                #expect(
                    message { _ = try bound("d", missing) }.hasSuffix(
                        "row 3, column \"x\", model input \"x\": the value is -inf, which is not finite"))
            }
        }
        let big = try directory.write("x\n1\n1e300\n", to: "b.csv")
        try copy(big, to: directory("b.parquet"), format: .parquet)
        #expect(
            message { _ = try Bound(directory("b.parquet"), [x]) }.hasSuffix(
                "row 2, column \"x\", model input \"x\": the value 1e+300 does not fit float"))
        #expect(try Bound(directory("b.parquet"), [input("x", .float64, nil, 1)]).tensors["x"] == [1, 1e300])
    }

    @Test func badCellsNameRowColumnAndInput() throws {
        // The bad cell first in the first block (so the column looks like text), then far behind it.
        for bad in [3, 40_000] {
            var text = "id,x\n"
            for row in 1...50_000 { text += "r\(row),\(row == bad ? "oops" : "1.25")\n" }
            let path = try directory.write(text, to: "a.csv")
            var options = ReadOptions()
            options.blockByteCount = 4096
            let error = message { _ = try Bound(path, [input("x", .float32, nil, 1)], options: options) }
            #expect(error == path + ": row \(bad), column \"x\", model input \"x\": \"oops\" is no number")
        }
        var lines = ""
        for row in 1...5000 { lines += "{\"id\": \"r\(row)\", \"x\": \(row == 4321 ? "\"oops\"" : "1.5")}\n" }
        let path = try directory.write(lines, to: "a.jsonl")
        var options = ReadOptions()
        options.blockByteCount = 4096
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil, 1)], options: options) }.contains(
                "row 4321, column \"x\", model input \"x\""))
    }

    @Test func whatCannotBeBound() throws {
        let path = try directory.write("pixel_1,pixel_2,label\n1,2,0\n", to: "a.csv")
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil, 4)]) } == path
                + ": model input \"x\": its shape [N, 4] takes 4 columns, and 3 fit: pixel_1, pixel_2, label")
        #expect(
            message { _ = try Bound(path, [input("a", .float32, nil), input("pixel_1", .float32, nil)]) }.hasPrefix(
                path + ": column \"a\", model input \"a\": the table has no such column"))
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil, 2)], rules: ["x": InputRule(columns: .list(["pixel_1", "pixl_2"]))]) }
                == path + ": column \"pixl_2\", model input \"x\": the table has no such column: did you mean \"pixel_2\"?")
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil, 2)], rules: ["x": InputRule(columns: .pattern("q_*"))]) }.contains(
                "no column matches \"q_*\""))
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil, 2)], rules: ["y": InputRule()]) }
                == "the pipeline has a rule for the input \"y\", which the model lacks: its inputs are \"x\"")
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil, 3)], schema: TableSchemaRule(keep: ["id"])) }.hasPrefix(
                path + ": column \"id\": the table has no such column"))
        #expect(message { _ = try Bound(path, [input("x", .float8e5m2, nil, 3)]) }.contains("which no table column can fill"))
        #expect(message { _ = try Bound(path, [input("x", .float32)]) }.contains("a scalar without a row axis"))
        let twice = try directory.write("x,x\n1,2\n", to: "b.csv")
        #expect(message { _ = try Bound(twice, [input("x", .float32, nil, 1)]) }.contains("more than one column of this name"))
        #expect(
            message { _ = try Bound(fixture("duplicate.parquet"), [input("x", .float32, nil, 2)]) }.contains(
                "more than one column of this name"))
        let text = try directory.write("a,b\nu,v\n", to: "c.csv")
        #expect(
            message { _ = try Bound(text, [input("x", .float32, nil, nil)]) }.contains(
                "has no numeric column left for it: its columns are a (string), b (string)"))
    }

    @Test func pinnedOrderIsKept() throws {
        let path = try directory.write("a,b\n1,2\n", to: "a.csv")
        let first = try Bound(path, [input("x", .float32, nil, nil)]).columns
        let gap = try directory.write("a,b\n1,\n", to: "c.csv")
        #expect(
            try Bound(gap, [input("x", .float32, nil, nil)], rules: ["x": InputRule(missing: .value(0))], pinned: first).tensors["x"] == [
                1, 0,
            ])
        let swapped = try directory.write("b,a\n1,2\n", to: "b.csv")
        #expect(
            message { _ = try Bound(swapped, [input("x", .float32, nil, nil)], pinned: first) }.contains(
                "column 1 is now \"b\" and was \"a\""))
        let wider = try directory.write("a,b,c\n1,2,3\n", to: "d.csv")
        #expect(
            message { _ = try Bound(wider, [input("x", .float32, nil, nil)], pinned: first) }.contains(
                "there are now 3 columns, and there were 2"))
    }

    @Test func keptColumnsOfTextAreTypedByTheSchema() throws {
        let path = try directory.write("zip,n,day,x\n01234,7,2024-02-29,1\n99,8,2023-01-01,2\n", to: "a.csv")
        let plain = try Bound(path, [input("x", .float32, nil)], schema: TableSchemaRule(keep: ["zip", "n", "x"]))
        #expect(plain.kept == ["\"01234\";\"7\";\"1\";", "\"99\";\"8\";\"2\";"])
        let typed = try Bound(
            path, [input("x", .float32, nil)],
            schema: TableSchemaRule(keep: ["n", "day", "x"], types: ["n": "int16", "day": "date", "x": "double"]))
        #expect(typed.kept == ["7;\"2024-02-29\";1.0;", "8;\"2023-01-01\";2.0;"])
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil)], schema: TableSchemaRule(keep: ["day"], types: ["day": "int8"])) }
                .contains("row 1, column \"day\""))
        #expect(
            message { _ = try Bound(path, [input("x", .float32, nil)], schema: TableSchemaRule(keep: ["n"], types: ["n": "int"])) }
                .contains(
                    "\"int\" is no type"))
    }

    @Test func tensorsThatAreHeldAreNotOverwritten() throws {
        let path = try directory.write("x\n" + (0..<100).map { "\($0)\n" }.joined(), to: "a.csv")
        let binder = try TableBinder(reader: TableReader(path: path), inputs: [input("x", .float32, nil)], batchRows: 10)
        var held: [Tensor] = []
        while let batch = try binder.next() { held.append(batch.tensors["x"]!) }
        #expect(held.flatMap { $0.values(as: Float.self)! } == (0..<100).map(Float.init))
        let memory = TensorBuffer(byteCount: 40)
        let filling = try TableBinder(
            reader: TableReader(path: path), inputs: [input("x", .float32, nil)], batchRows: 10, memory: ["x": memory])
        _ = try filling.next()
        _ = try filling.next()
        #expect(Array(memory.bytes.bindMemory(to: Float.self)) == (10..<20).map(Float.init))
    }

    @Test func dialects() throws {
        var options = ReadOptions()
        options.dialect.delimiter = UInt8(ascii: ";")
        options.dialect.decimal = UInt8(ascii: ",")
        options.dialect.nullWords = ["", "-"]
        let european = try Bound(
            fixture("european.csv"), [input("v", .float64, nil, 2)],
            rules: ["v": InputRule(columns: .list(["x", "y"]), missing: .value(0))], options: options)
        #expect(european.tensors["v"] == [1.5, 2, 0, 3.25])
        #expect(try Bound(fixture("tabs.tsv"), [input("v", .int32, nil, nil)]).tensors["v"] == [1, 2, 3, 4])
        var bare = ReadOptions()
        bare.dialect.header = .absent(names: nil)
        let headerless = try Bound(
            fixture("headerless.csv"), [input("v", .float32, nil, nil)], schema: TableSchemaRule(keep: ["f2"]), options: bare)
        #expect(headerless.tensors["v"] == [1, 2.5, 2, 3.5] && headerless.kept == ["\"u\";", "\"v\";"])
        bare.dialect.header = .absent(names: ["n", "x", "k"])
        #expect(try Bound(fixture("headerless.csv"), [input("x", .float32, nil)], options: bare).tensors["x"] == [2.5, 3.5])
        bare.dialect.header = .absent(names: ["n"])
        #expect(
            message { _ = try Bound(fixture("headerless.csv"), [input("x", .float32, nil)], options: bare) }.contains(
                "the row has 3 cells, the pipeline names 1 columns"))
        var unquoted = ReadOptions()
        unquoted.dialect.quote = nil
        let odd = try directory.write("s,x\n\"a,1\nb\",2\n", to: "q.csv")
        #expect(
            try Bound(odd, [input("x", .float32, nil)], schema: TableSchemaRule(keep: ["s"]), options: unquoted).kept == [
                "\"\\\"a\";", "\"b\\\"\";",
            ])
    }

}
