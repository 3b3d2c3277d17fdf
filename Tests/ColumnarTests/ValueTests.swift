import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Texts, JSON values and typed columns become the same values wherever in a file they are.
@Suite struct ValueTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("values") }

    private func input(_ type: ElementType, _ name: String = "x") -> ModelInput {
        ModelInput(name: name, elementType: type, dimensions: [nil, 1])
    }

    /// Returns the values that an input gets from a file, or the error without the file's name.
    private func values(
        _ path: String, _ type: ElementType, _ rule: InputRule = InputRule(), schema: TableSchemaRule = TableSchemaRule(),
        configure: (inout ReadOptions) -> Void = { _ in }
    ) -> String {
        var options = ReadOptions()
        options.dialect.nullWords = ["", "NA", "NULL"]
        configure(&options)
        do {
            let rows = try openInputs(
                path: path, options: options, inputs: [input(type)], rules: ["x": rule], schema: schema, batchRows: 1000)
            var texts: [String] = []
            while let batch = try rows.next() {
                let tensor = batch.tensors["x"]!
                texts += tensor.strings ?? tensor.texts
            }
            return texts.joined(separator: " ")
        } catch { return "\(error)".replacingOccurrences(of: path + ": ", with: "") }
    }

    private func kept(_ path: String, _ schema: TableSchemaRule, blockBytes: Int = 1 << 20) -> String {
        var options = ReadOptions()
        options.blockByteCount = blockBytes
        do {
            let rows = try openInputs(path: path, options: options, inputs: [input(.float32)], schema: schema, batchRows: 100_000)
            var text: [UInt8] = []
            while let batch = try rows.next() {
                for row in 0..<batch.rowCount {
                    for column in batch.kept.columns {
                        try CellText(column, isJSON: true, file: path).append(row, to: &text)
                        text.append(UInt8(ascii: " "))
                    }
                }
            }
            return String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespaces)
        } catch { return "\(error)".replacingOccurrences(of: path + ": ", with: "") }
    }

    // MARK: Numbers

    struct Cell: Sendable, CustomTestStringConvertible {
        let text: String, type: ElementType, result: String
        init(_ text: String, _ type: ElementType, _ result: String) { (self.text, self.type, self.result) = (text, type, result) }
        var testDescription: String { "\(text) as \(type)" }
    }

    static let place = "row 1, column \"x\", model input \"x\": "

    /// The same in CSV, quoted and not, and as a JSON string; as a JSON number where it is one.
    @Test(arguments: [
        Cell("7", .int64, "7"), Cell("7.0", .int64, "7"), Cell("7.000", .int8, "7"), Cell("-0", .int64, "0"), Cell("1e3", .int64, "1000"),
        Cell(" 7 ", .int64, "7"),
        Cell("18446744073709551615", .uint64, "18446744073709551615"), Cell("9007199254740993", .int64, "9007199254740993"),
        Cell("9007199254740993.0", .int64, "9007199254740993"), Cell("-9223372036854775808", .int64, "-9223372036854775808"),
        Cell("9223372036854775808", .int64, place + "the value 9223372036854775808 does not fit int64"),
        Cell("18446744073709551616", .uint64, place + "the value 18446744073709551616 does not fit uint64"),
        Cell("-1", .uint64, place + "the value -1 does not fit uint64"), Cell("300", .int8, place + "the value 300 does not fit int8"),
        Cell("0.5", .int64, place + "the value 0.5 does not fit int64"),
        Cell("1e300", .int64, place + "the value 1e+300 does not fit int64"),
        Cell("1e300", .float64, "1e+300"), Cell("1e300", .float32, place + "the value 1e+300 does not fit float"),
        Cell("1e400", .float64, place + "the value 1e400 does not fit double"),
        Cell("1e400", .float32, place + "the value 1e400 does not fit float"),
        Cell("1e-400", .float64, "0.0"), Cell("70000", .float16, place + "the value 70000 does not fit float16"),
        Cell("inf", .float32, "inf"),
        Cell("-Infinity", .float64, "-inf"), Cell("9007199254740993", .float64, "9007199254740992.0"),
        Cell("16777217", .float32, "16777216.0"),
        // Rounded once: by way of a double it would be 9223372586610589696.
        Cell("9223372586610589697", .float32, "9.223373e+18"), Cell("0.1", .float32, "0.1"), Cell("true", .float32, "1.0"),
        Cell("False", .int64, "0"),
        Cell("2", .bool, place + "the value 2 does not fit bool"), Cell("1.0", .bool, "1"), Cell("TRUE", .bool, "1"),
        Cell("yes", .bool, place + "\"yes\" is neither true nor false"), Cell("12abc", .float32, place + "\"12abc\" is no number"),
        Cell("0x10", .int64, place + "\"0x10\" is no number"), Cell("2024-02-29", .float32, place + "a date or a time, and no number"),
        Cell("é", .float32, place + "\"é\" is no number"),
    ])
    func textThatIsANumber(cell: Cell) throws {
        #expect(values(try directory.write("x,y\n\(cell.text),1\n", to: "a.csv"), cell.type) == cell.result)
        #expect(values(try directory.write("x,y\n\"\(cell.text)\",1\n", to: "b.csv"), cell.type) == cell.result)
        let strings = try directory.write("{\"x\":\"\(cell.text)\"}\n", to: "a.jsonl")
        #expect(values(strings, cell.type) == cell.result)
        if Double(cell.text) != nil, cell.text.allSatisfy({ $0.isNumber || "-.e".contains($0) }) {
            #expect(values(try directory.write("{\"x\":\(cell.text)}\n", to: "b.jsonl"), cell.type) == cell.result)
        }
        for kind in [TableFormat.parquet, .arrow] {
            let target = directory("a.\(kind.fileExtension)")
            try copy(strings, to: target, format: kind)
            #expect(values(target, cell.type) == cell.result, "\(kind)")
        }
    }

    /// A cell far behind the first block is taken as one in it.
    @Test(arguments: ["7.0", "9007199254740993", "true", "1e2", "-3"], [1, 4000])
    func whereACellStandsDoesNotMatter(cell: String, row: Int) throws {
        let small: (inout ReadOptions) -> Void = { $0.blockByteCount = 512 }
        var csv = "k,x\n", json = ""
        for index in 1...4500 {
            csv += "\(index),\(index == row ? cell : "5")\n"
            json += "{\"x\":\(index == row ? cell : "5")}\n"
        }
        let expected = values(try directory.write("x\n\(cell)\n", to: "one.csv"), .int64)
        for file in [try directory.write(csv, to: "a.csv"), try directory.write(json, to: "a.jsonl")] {
            let all = values(file, .int64, InputRule(columns: .list(["x"])), configure: small).split(separator: " ")
            #expect(all.count == 4500 && all[row - 1] == expected, "\(file)")
        }
    }

    @Test func allNumericColumnsAreThoseOfTheWholeFile() throws {
        func file(_ row: Int, _ text: String) throws -> String {
            var csv = "a,b,c\n"
            for index in 1...3000 { csv += "\(index),\(index == row ? text : "2"),3\n" }
            return try directory.write(csv, to: "a.csv")
        }
        let open = ModelInput(name: "x", elementType: .float32, dimensions: [nil, nil])
        for row in [1, 2500] {
            var options = ReadOptions()
            options.blockByteCount = 512
            func columns(_ text: String) throws -> [String]? {
                try openInputs(path: file(row, text), options: options, inputs: [open], batchRows: 10).boundColumns["x"]
            }
            #expect(try columns("word") == ["a", "c"], "row \(row)")
            #expect(try columns("2.5") == ["a", "b", "c"] && columns("NA") == ["a", "b", "c"])
        }
        // What the first file bound is bound again, whatever the later file's first rows look like.
        let json = try directory.write("{\"a\":\"1\",\"b\":2,\"c\":3}\n", to: "b.jsonl")
        let pinned = ["x": ["a", "b", "c"]]
        #expect(try openInputs(path: json, inputs: [open], batchRows: 10, pinned: pinned).boundColumns["x"] == ["a", "b", "c"])
    }

    @Test func aJSONKeyMayFirstAppearAnywhere() throws {
        var text = ""
        for row in 1...3000 { text += row == 2900 ? "{\"y\":1,\"x\":8.5,\"id\":\"late\"}\n" : "{\"y\":1}\n" }
        let path = try directory.write(text, to: "a.jsonl")
        var options = ReadOptions()
        options.blockByteCount = 512
        let rows = try openInputs(
            path: path, options: options, inputs: [input(.float64)], rules: ["x": InputRule(columns: .list(["x"]), missing: .value(0))],
            schema: TableSchemaRule(keep: ["id"]), batchRows: 5000)
        let batch = try #require(try rows.next())
        #expect(batch.rowCount == 3000 && batch.tensors["x"]!.values(as: Double.self)![2899] == 8.5)
        #expect(try batch.kept.columns[0].texts(file: path)[2899] == "late")
        #expect(kept(path, TableSchemaRule(keep: ["zz"]), blockBytes: 512).contains("the table has no such column"))
    }

    /// The type of a kept key is that of all its values: integers stay integers, or keep their text.
    @Test func keptJSONNumbers() throws {
        func lines(_ first: String, _ later: String) throws -> String {
            var text = ""
            for row in 1...500 { text += "{\"id\":\(row == 400 ? later : first),\"x\":1}\n" }
            return try directory.write(text, to: "a.jsonl")
        }
        func ends(_ first: String, _ later: String, _ types: NameMap<String> = [:]) throws -> String {
            let cells = kept(try lines(first, later), TableSchemaRule(keep: ["id"], types: types), blockBytes: 512).split(separator: " ")
            return cells.count == 500 ? "\(cells[0]) \(cells[399])" : cells.joined(separator: " ")
        }
        #expect(try ends("9007199254740993", "12345678901234567890") == "9007199254740993 12345678901234567890")
        #expect(try ends("-1", "12345678901234567890") == "\"-1\" \"12345678901234567890\"")
        #expect(try ends("1", "123456789012345678901234567890") == "\"1\" \"123456789012345678901234567890\"")
        #expect(try ends("1", "2.5") == "1.0 2.5")
        #expect(try ends("9007199254740993", "2.5") == "\"9007199254740993\" \"2.5\"")
        #expect(try ends("1", "\"a2\"", ["id": "string"]) == "\"1\" \"a2\"")
        #expect(try ends("1.50", "2", ["id": "string"]) == "\"1.50\" \"2\"")
        #expect(try ends("1", "\"2\"", ["id": "int64"]) == "1 2")
        #expect(try ends("1", "\"a2\"").hasPrefix("row 400, column \"id\": \"a2\" is of another kind"))
        #expect(try ends("1", "\"a2\"", ["id": "int64"]).hasPrefix("row 400, column \"id\": \"a2\" is no number"))
    }

    @Test func keptTimesOfText() throws {
        for text in ["2013-12-13T19:00:00Z", "2013-12-13 20:00:00+01:00", "2013-12-13T19:00:00"] {
            let csv = try directory.write("t,x\n\(text),1\n", to: "a.csv"),
                json = try directory.write("{\"t\":\"\(text)\",\"x\":1}\n", to: "a.jsonl")
            let parquet = directory("t.parquet")
            try copy(json, to: parquet, format: .parquet)
            for path in [csv, json, parquet] {
                #expect(kept(path, TableSchemaRule(keep: ["t"], types: ["t": "timestamp"])) == "\"2013-12-13 19:00:00.000000\"", "\(text)")
            }
        }
        let gap = try directory.write("n,x\n1453.0,1\n,2\n", to: "b.csv")
        #expect(kept(gap, TableSchemaRule(keep: ["n"], types: ["n": "int64"])) == "1453 null")
    }

    @Test func objectsOfOneLine() throws {
        let rows = "{\"x\":1}\r{\"x\":2} {\"x\":3}\r\n{\"x\":4}"
        #expect(values(try directory.write(rows, to: "a.jsonl"), .float32) == "1.0 2.0 3.0 4.0")
        #expect(values(try directory.write("{\"x\":1},{\"x\":2}\n", to: "b.jsonl"), .float32).hasPrefix("row 2"))
    }

    @Test(arguments: [
        "{\"x\":01}", "{\"x\":1.}", "{\"x\":+1}", "{\"x\":.5}", "{\"x\":1e}", "{\"x\":tru}", "{\"x\":}", "{\"x\" 1}", "{x:1}", "{\"x\":1,}",
        "{\"x\":1", "{\"x\":\"a}",
        "{\"x\":\"\\x\"}", "{\"x\":\"\\ud800\"}", "{\"x\":\"\\u12g4\"}", "{\"x\":\"\u{1}\"}", "{\"x\":[1,]}", "{\"x\":[1 2]}", "{\"x\":1}]",
        "[1]", "1", "{\"x\":1,\"x\":2}", "{\"y\":{\"a\":tru},\"x\":1}",
        "{\"x\":" + String(repeating: "[", count: 100_000) + "}", "{\"y\":" + String(repeating: "{\"a\":", count: 100_000) + "}",
    ])
    func whatIsNoJSON(text: String) throws {
        let result = values(
            try directory.write("{\"x\":1,\"y\":{}}\n" + text + "\n", to: "a.jsonl"), .float32, InputRule(columns: .list(["x"])))
        #expect(result.hasPrefix("row 2") || result.hasPrefix("row 3"), "\(result)")
    }

    @Test func escapesOfJSON() throws {
        let text = #"{"x":"\u00e9\ud83d\ude00 \n\t\"\\\/ é"}"#
        let path = try directory.write(text + "\n", to: "a.jsonl")
        let expected = (try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])?["x"]
        #expect(values(path, .string) == expected)
    }

    @Test func decimalsAreExact() throws {
        let frame = FrameTests.path("pyarrow.parquet")
        #expect(values(frame, .uint64, InputRule(columns: .list(["count"]))) == "18446744073709551615 9007199254740993 0 1 2 3")
    }

    // MARK: Missing values

    @Test func missingText() throws {
        let path = try directory.write("k,x\n1,male\n2,\n3,NA\n4,\"\"\n5,\"NA\"\n6,null\n", to: "a.csv")
        #expect(values(path, .string, InputRule(columns: .list(["x"]), missing: .text("?"))) == "male ? ?  NA null")
        #expect(
            values(path, .string, InputRule(columns: .list(["x"]))).hasPrefix("row 2, column \"x\", model input \"x\": there is no value"))
        let json = try directory.write("{\"x\":\"male\"}\n{\"x\":null}\n{\"x\":\"\"}\n{}\n", to: "a.jsonl")
        #expect(values(json, .string, InputRule(missing: .text("?"))) == "male ?  ?")
    }

    @Test func blankLinesOfOneColumn() throws {
        let path = try directory.write("x\n1\n\n3\n", to: "a.csv")
        #expect(values(path, .float32, InputRule(missing: .value(9))) == "1.0 9.0 3.0")
        #expect(
            values(path, .float32)
                == "row 2, column \"x\", model input \"x\": there is no value: give the input `missing: nan` or a number if that is meant")
        let windows = try directory.write("x\r\n1\r\n\r\n3\r\n", to: "b.csv")
        for block in [64, 1 << 20] {
            #expect(values(windows, .float32, InputRule(missing: .value(9)), configure: { $0.blockByteCount = block }) == "1.0 9.0 3.0")
        }
        #expect(values(try directory.write("x,y\n1,2\n\n3,4\n", to: "c.csv"), .float32, InputRule(columns: .list(["x"]))) == "1.0 3.0")
    }

    @Test func allInputsWithGapsAreNamed() throws {
        var csv = "a,b,c,d\n"
        for row in 1...3000 { csv += "\(row == 2 ? "" : "1"),2,\(row == 2900 ? "" : "3"),\(row == 2 ? "" : "w")\n" }
        let path = try directory.write(csv, to: "a.csv")
        var options = ReadOptions()
        options.blockByteCount = 2048
        let rows = try openInputs(
            path: path, options: options, inputs: [input(.float32, "a"), input(.float32, "b"), input(.int64, "c"), input(.string, "d")],
            batchRows: 100)
        do {
            while try rows.next() != nil {}
            Issue.record("taken")
        } catch {
            #expect(
                "\(error)" == """
                    \(path): row 2, column "a", model input "a": there is no value: \
                    give the input `missing: nan` or a number if that is meant; \
                    values are missing in other inputs too: "c" (row 2900, column "c"), "d" (row 2, column "d"). \
                    schema.missing says it once for all inputs
                    """)
        }
    }

    /// An input of several columns names the first row that lacks a value, whichever column it is in.
    @Test func theFirstGapOfAWideInputIsNamed() throws {
        let path = try directory.write("a,b_0,b_1\n,1,2\n1,1,\n1,,2\n", to: "a.csv")
        let wide = ModelInput(name: "b", elementType: .float32, dimensions: [nil, 2])
        let rows = try openInputs(path: path, inputs: [input(.float32, "a"), wide], batchRows: 100)
        let error = #expect(throws: ColumnarError.self) { while try rows.next() != nil {} }
        #expect(error.map { "\($0)" }?.contains("row 1, column \"a\"") == true)
        #expect(error.map { "\($0)" }?.contains("too: \"b\" (row 2, column \"b_1\")") == true, "\(error.map { "\($0)" } ?? "")")
    }

    // MARK: Booleans and times as text

    @Test func booleansThatMeetText() throws {
        let files = [
            try directory.write("k,x\n1,True\n2,False\n3,True\n", to: "a.csv"),
            try directory.write("k,x\n1,true\n2,false\n3,true\n", to: "b.csv"),
            try directory.write("{\"x\":true}\n{\"x\":false}\n{\"x\":true}\n", to: "a.jsonl"),
        ]
        let parquet = directory("a.parquet")
        try copy(files[2], to: parquet, format: .parquet)
        for file in files + [parquet] {
            let rule = InputRule(columns: .list(["x"]))
            #expect(values(file, .string, rule) == "column \"x\", model input \"x\": " + BooleanSpelling.question("x"), "\(file)")
            var words = rule
            words.booleans = .words(no: "no", yes: "yes")
            #expect(values(file, .string, words) == "yes no yes", "\(file)")
        }
        #expect(values(files[0], .string, InputRule(columns: .list(["x"]), booleans: .text)) == "True False True")
        // One text that is none makes it a column of text.
        #expect(
            values(try directory.write("k,x\n1,True\n2,maybe\n", to: "c.csv"), .string, InputRule(columns: .list(["x"]))) == "True maybe")
        let letters = try directory.write("k,x\n1,t\n2,f\n3,\n", to: "d.csv")
        #expect(
            values(letters, .bool, InputRule(columns: .list(["x"]), missing: .value(0), booleans: .words(no: "f", yes: "t"))) == "1 0 0")
        #expect(
            values(letters, .bool, InputRule(columns: .list(["x"]), booleans: .words(no: "n", yes: "y"))).contains(
                "row 1, column \"x\", model input \"x\": \"t\" is neither \"n\" nor \"y\""))
    }

    @Test(arguments: [
        ("2024-02-29", "2024-02-29"), ("2024-02-29 12:30:15.500000", "2024-02-29T12:30:15.5"), ("2024-02-29T00:00:00", "2024-02-29"),
        ("2024-12-31T23:30:00-01:00", "2025-01-01T00:30:00Z"), ("2024-03-01T00:30+0100", "2024-02-29T23:30:00Z"),
        ("1969-12-31 23:59:59Z", "1969-12-31T23:59:59Z"),
        ("1970-01-01T00:10:00+01:00", "1969-12-31T23:10:00Z"), ("2024-01-01 00:00:00 UTC", "2024-01-01T00:00:00Z"),
        ("07:08:09.100", "07:08:09.1"),
    ])
    func timesHaveOneSpelling(given: String, spelled: String) { #expect(TimeSpelling.iso(given) == spelled) }

    @Test(arguments: [
        "", "2024", "2023-02-29", "2024-13-01", "2024-02-29 25:00:00", "2024-02-29T", "2024-02-29x", "12:60", "20240229", "tomorrow",
        "2024-02-29 12:00:00.", "2024-02-29 12:00:00+1",
    ])
    func whatIsNoTime(text: String) { #expect(TimeSpelling.iso(text) == nil) }
}

extension Tensor {
    fileprivate var texts: [String] {
        switch elementType {
        case .float32: values(as: Float.self)!.map { "\($0)" }
        case .float64: values(as: Double.self)!.map { "\($0)" }
        case .float16: values(as: Float16.self)!.map { "\($0)" }
        case .int8: values(as: Int8.self)!.map { "\($0)" }
        case .uint64: values(as: UInt64.self)!.map { "\($0)" }
        case .bool: values(as: UInt8.self)!.map { "\($0)" }
        default: values(as: Int64.self)!.map { "\($0)" }
        }
    }
}
