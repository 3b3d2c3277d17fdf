import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Text files whose rows are not easily told apart.
@Suite struct TextRangeTests {
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("ranges") }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var dialect = TextDialect()
        var isJSON = false
        var rule = InputRule(columns: .list(["x"]), missing: .nan)
        var width = 1
        var keep = ["id", "s"]
        /// Whether there are several ranges.
        var isCut = true
        var testDescription: String { name }
    }

    private static func csv(_ rows: Int = 60, header: String = "id,s,x\n", end: String = "\n", _ cell: (Int) -> String) -> String {
        header + (0..<rows).map { "\($0),\(cell($0)),\($0).5\(end)" }.joined()
    }

    private static func dialect(_ change: (inout TextDialect) -> Void) -> TextDialect {
        var dialect = TextDialect()
        change(&dialect)
        return dialect
    }

    static let csvCases: [Case] = [
        Case(name: "plain", text: csv { "word\($0)" }),
        Case(name: "line ends in quotes", text: csv { $0 % 3 == 0 ? "\"a\nb,\r\n\(["\n", "c\n", ""][$0 % 9 / 3])\"" : "plain" }),
        Case(name: "quotes everywhere", text: csv { "\"\"\"\($0)\"\"\n\"" }),
        Case(name: "quotes in plain cells", text: csv { $0 % 2 == 0 ? "5\" pipe" : "\"x\ny\"" }),
        Case(name: "blanks behind quotes", text: csv { "\"a\nb\($0)\"  " }),
        Case(name: "empty quoted cells", text: csv { $0 % 2 == 0 ? "\"\"" : "\"\"\"\"" }),
        Case(name: "CRLF", text: csv(header: "id,s,x\r\n", end: "\r\n") { $0 % 4 == 0 ? "\"\r\n\r\"" : "\($0)" }),
        Case(name: "CR", text: csv(header: "id,s,x\r", end: "\r") { "w\($0)" }),
        Case(name: "blank lines", text: "\n\r\n" + csv(end: "\n\n\r\n\r") { "w\($0)" }),
        Case(
            name: "a long way of blank lines", text: csv { $0 == 30 ? "w\(String(repeating: "\n", count: 900))30,v" : "w" } + "\n\n\n",
            isCut: true),
        Case(name: "no last line end", text: String(csv { "w\($0)" }.dropLast())),
        Case(name: "byte-order mark", text: "\u{feff}" + csv { "\u{feff}\($0)é" }),
        Case(name: "rows that begin with a byte-order mark", text: "s,id,x\n" + (0..<40).map { "\u{feff}é,\($0),1\n" }.joined()),
        Case(name: "header only", text: "id,s,x\n", isCut: false),
        Case(name: "one row", text: "id,s,x\n1,a,2\n", isCut: false),
        Case(name: "no rows", text: "", isCut: false),
        Case(name: "long rows", text: csv(20) { String(repeating: "z", count: 40 * $0) + "\($0)" }),
        Case(name: "long quoted rows", text: csv(20) { "\"" + String(repeating: "z\n", count: 40 * $0) + "\"" }),
        Case(name: "first missing late", text: csv(200) { $0 > 150 && $0 % 5 == 0 ? "" : "\($0)" }),
        Case(name: "first value late", text: csv(200) { $0 > 150 ? "\($0)" : "" }),
        Case(name: "a type that changes late", text: csv(200) { $0 == 190 ? "x" : $0 == 180 ? "1.5" : "\($0)" }),
        Case(name: "a type that changes late, to a larger one", text: csv(200) { $0 == 190 ? "18446744073709551615" : "\($0)" }),
        Case(name: "booleans", text: csv(200) { $0 == 170 ? "" : "\($0 % 2 == 0)" }),
        Case(name: "a cell that is too much", text: csv(100) { $0 == 90 ? "a,b" : "a" }),
        Case(name: "a quote that is not closed", text: csv(100) { $0 == 50 ? "\"a" : "a" }),
        Case(name: "text behind a quote", text: csv(100) { $0 == 50 ? "\"a\"b" : "\"a\n\"" }),
        Case(name: "not UTF-8 later is latin-1", text: csv { "é\($0)" }, dialect: dialect { $0.encoding = .latin1 }),
        Case(name: "UTF-16 is not cut", text: csv { "w\($0)" }, dialect: dialect { $0.encoding = .utf16 }, isCut: false),
        Case(name: "tabs", text: csv { "w\($0)" }.replacing(",", with: "\t"), dialect: dialect { $0.delimiter = 9 }),
        Case(name: "another quote", text: csv { "'a\n\"\($0)'" }, dialect: dialect { $0.quote = UInt8(ascii: "'") }),
        Case(name: "no quotes", text: csv { $0 % 2 == 0 ? "\"a" : "b\"" }, dialect: dialect { $0.quote = nil }),
        Case(name: "escapes are not cut", text: csv { "\"\\\"\n\($0)\"" }, dialect: dialect { $0.escape = 92 }, isCut: false),
        Case(
            name: "escaped line ends are not cut", text: csv { "a\\\n\($0)" }, dialect: dialect { ($0.quote, $0.escape) = (nil, 92) },
            isCut: false),
        Case(name: "a quote escapes itself", text: csv { "\"\"\"\n\($0)\"" }, dialect: dialect { $0.escape = $0.quote }),
        Case(
            name: "without a header", text: "\n\n" + csv(header: "") { "\"\n\($0)\"" },
            dialect: dialect { $0.header = .absent(names: ["id", "s", "x"]) }),
        Case(
            name: "without a header or names", text: csv(header: "") { "w\($0)" }, dialect: dialect { $0.header = .absent(names: nil) },
            rule: InputRule(columns: .list(["f2"])), keep: ["f0", "f1"]),
        Case(
            name: "one column with blank lines", text: "\n\nx\n" + (0..<80).map { $0 % 3 == 0 ? "\n" : "\($0)\n" }.joined(),
            keep: ["x"]),
        Case(
            name: "one column with many blank lines, which go together",
            text: "x\r\n1\r\n" + String(repeating: "\r\n", count: 700) + "2\r\n\r\n", keep: ["x"], isCut: false),
        Case(
            name: "one column without a header", text: "\n\n1\n" + String(repeating: "2\n\n", count: 70),
            dialect: dialect { $0.header = .absent(names: ["x"]) }, keep: ["x"]),
        // The columns are found by what the whole file holds.
        Case(
            name: "features", text: csv(200) { $0 == 190 ? "text" : "\($0)" }, rule: InputRule(missing: .nan), width: 0, keep: ["id"]),
        Case(
            name: "features without a value at first", text: csv(200) { $0 > 190 ? "\($0)" : "" }, rule: InputRule(missing: .nan), width: 0,
            keep: ["id"]),
        Case(
            name: "decimal commas", text: csv { "w\($0)" }.replacing(",", with: ";").replacing(".", with: ","),
            dialect: dialect { ($0.delimiter, $0.decimal) = (59, 44) }),
    ]

    private static func json(_ rows: Int = 60, _ line: (Int) -> String) -> String { (0..<rows).map { line($0) + "\n" }.joined() }

    static let jsonCases: [Case] = [
        Case(name: "plain", text: json { "{\"id\":\($0),\"s\":\"w\($0)\",\"x\":\($0).5}" }),
        Case(name: "escapes", text: json { "{\"id\":\($0),\"s\":\"\\\"\\n{\\u00e9\($0)\",\"x\":1}" }),
        Case(
            name: "byte-order mark, blank lines, no last line end",
            text: "\u{feff}" + String(json { "\n  \n{\"id\":\($0),\"s\":\"w\",\"x\":1}\r" }.dropLast(2))),
        Case(
            name: "carriage returns alone are not cut", text: json { "{\"id\":\($0),\"s\":\"w\",\"x\":1}" }.replacing("\n", with: "\r"),
            isCut: false),
        Case(name: "several objects in a line", text: json { "{\"id\":\($0),\"s\":\"w\",\"x\":1}{\"id\":\($0),\"s\":\"v\",\"x\":2}" }),
        Case(name: "keys that come late", text: json(200) { "{\"id\":\($0)\($0 > 150 ? ",\"s\":\"w\($0)\"" : ""),\"x\":1}" }),
        Case(name: "a value that comes late", text: json(200) { "{\"id\":\($0),\"s\":\($0 > 150 ? "\($0)" : "null"),\"x\":1}" }),
        Case(name: "a type that changes late", text: json(200) { "{\"id\":\($0),\"s\":\($0 == 190 ? "1.5" : "\($0)"),\"x\":1}" }),
        Case(name: "kinds that change late", text: json(200) { "{\"id\":\($0),\"s\":\($0 > 100 ? "\"a\"" : "\($0)"),\"x\":1}" }),
        Case(
            name: "kinds that change where nothing is kept",
            text: json(200) { "{\"id\":\($0),\"s\":1,\"x\":\($0 > 100 ? "\"1\"" : "2")}" }),
        Case(name: "booleans and numbers", text: json(200) { "{\"id\":\($0),\"s\":\($0 > 100 ? "true" : "1"),\"x\":1}" }),
        Case(
            name: "lists and objects",
            text: json(100) {
                """
                {"id":[\($0 % 7 == 0 ? "" : "[\($0)],[]"),null],\
                "s":{"a":\($0),"b":[{"c":"\($0)"}]\($0 > 90 ? ",\"d\":1.5" : "")},"x":1}
                """
            }),
        Case(name: "numbers that no type holds", text: json { "{\"id\":123456789012345678901234567890,\"s\":\($0)e400,\"x\":1}" }),
        Case(name: "empty lists at first", text: json(200) { "{\"id\":\($0),\"s\":[\($0 > 180 ? "[1]" : "")],\"x\":1}" }),
        Case(name: "one row", text: json(1) { "{\"id\":\($0),\"s\":\"w\",\"x\":1}" }, isCut: false),
        Case(name: "no rows", text: "", isCut: false),
        Case(name: "a broken line", text: json { $0 == 50 ? "{\"id\":" : "{\"id\":1,\"s\":2,\"x\":3}" }),
        Case(name: "an array", text: "[" + json { "{\"id\":\($0),\"s\":1,\"x\":1}," } + "]"),
        Case(
            name: "features",
            text: json(200) { "{\"id\":\($0),\"s\":\($0 == 190 ? "\"t\"" : "1"),\"x\":1\($0 > 150 ? ",\"late\":2" : "")}" },
            rule: InputRule(missing: .nan), width: 0, keep: ["id"]),
    ].map { given in
        var given = given
        given.isJSON = true
        return given
    }

    @Test(arguments: csvCases + jsonCases) func ranges(given: Case) throws {
        let name = given.isJSON ? "a.jsonl" : "a.csv"
        let bytes: [UInt8]
        switch given.dialect.encoding {
        case .latin1: bytes = given.text.unicodeScalars.map { UInt8($0.value) }
        case .utf16: bytes = [0xff, 0xfe] + given.text.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
        default: bytes = Array(given.text.utf8)
        }
        var reading = RangeReading(path: try directory.write(bytes, to: "day=2024-01-01/k=7/" + name))
        reading.options.dialect = given.dialect
        reading.rules["x"] = given.rule
        reading.inputs = [ModelInput(name: "x", elementType: .float64, dimensions: [nil, given.width == 0 ? nil : given.width])]
        reading.schema.keep = given.keep + ["day", "k"]
        for block in [64, 150, 1 << 20] {
            reading.options.blockByteCount = block
            let most = reading.check([1, 2, 9, 40, 77, 300, 1000, nil])
            #expect(most > 1 || !given.isCut || (try? reading.whole()) == nil, "not cut")
            #expect(most <= 1 || given.isCut, "cut")
        }
    }

    /// Columns that hold nothing but booleans in one range are a question there, which the whole file may answer: it is read whole then.
    @Test func aQuestionOfARangeIsAnError() throws {
        let path = try directory.write("s,x\n" + (0..<50).map { "\($0 < 40 ? "true" : "other"),1\n" }.joined(), to: "a.csv")
        var reading = RangeReading(path: path, inputs: [ModelInput(name: "s", elementType: .string, dimensions: [nil, 1])])
        reading.rules["s"] = InputRule(columns: .list(["s"]))
        #expect(try reading.whole().rows.count == 50)
        #expect(throws: ColumnarError.self) { try reading.inRanges(40) }
    }

    /// Rows at random, in all dialects.
    @Test func randomTables() throws {
        var generator = SeededGenerator(seed: 11)
        func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &generator)! }
        var cut = 0, read = 0
        for round in 0..<400 {
            var reading = RangeReading(path: "")
            let delimiter = pick([",", ",", ";", "\t", "|"]), quote = pick(["\"", "\"", "'", ""])
            reading.options.dialect.delimiter = delimiter.utf8.first!
            reading.options.dialect.quote = quote.utf8.first
            reading.options.blockByteCount = pick([64, 100, 1000, 1 << 20])
            let hasHeader = pick([true, false])
            if !hasHeader { reading.options.dialect.header = .absent(names: ["a", "b", "x"]) }
            let ends = pick([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\n\n"]]),
                plain = pick([["1", "2.5", ""], ["a", "é", "5\"", "x'y", ""]])
            var text = pick(["", "", "\u{feff}", "\n", "\r\n\n"])
            func cell() -> String {
                guard !quote.isEmpty, pick([true, false, false]) else { return pick(plain) }
                let inner = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                    pick(["a", delimiter, "\n", "\r", "\r\n", quote + quote, " ", "é"])
                }
                return quote + inner.joined() + quote + pick(["", "", " "])
            }
            if hasHeader { text += ["a", "b", "x"].joined(separator: delimiter) + pick(ends) }
            for _ in 0..<Int.random(in: 0...60, using: &generator) {
                text += [cell(), cell(), pick(["1", "2.5", "", "-3"])].joined(separator: delimiter) + pick(ends)
            }
            if pick([true, false]) { text = String(text.dropLast()) }
            reading.path = try directory.write(text, to: "\(round).csv")
            reading.rules["x"] = InputRule(columns: .list(["x"]), missing: .nan)
            reading.schema.keep = ["a", "b"]
            cut += reading.check([1, Int.random(in: 2...100, using: &generator), 300]) > 1 ? 1 : 0
            read += (try? reading.whole()) == nil ? 0 : 1
            try FileManager.default.removeItem(atPath: reading.path)
        }
        #expect(cut > 250 && read > 300, "\(cut) were cut, \(read) read")
    }

    /// Bytes at random: whatever is read as a whole is read in ranges, and what is refused is refused.
    @Test func randomBytes() throws {
        var generator = SeededGenerator(seed: 12)
        var read = 0
        for round in 0..<600 {
            let isJSON = round % 4 == 0
            let alphabet =
                isJSON
                ? ["{\"a\":1}", "{\"x\":2}", "{\"a\":\"b\",\"x\":3}", "\n", "\n", "\r", " "]
                : ["a", "1", ",", ",", "\n", "\n", "\r", "\"", "\"", " "]
            let body = (0..<Int.random(in: 1...120, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! }.joined()
            var reading = RangeReading(
                path: try directory.write((isJSON ? "" : "a,x\n") + body, to: "\(round).\(isJSON ? "jsonl" : "csv")"))
            reading.options.blockByteCount = 64
            reading.rules["x"] = InputRule(columns: .list(["x"]), missing: .nan)
            reading.schema.keep = ["a"]
            reading.check([1, Int.random(in: 2...40, using: &generator)])
            read += (try? reading.whole()) == nil ? 0 : 1
            try FileManager.default.removeItem(atPath: reading.path)
        }
        #expect(read >= 15, "\(read)")
    }
}
