import CArrow
import Foundation
import Names
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// One frame as many tools write it (make-frames.py): every file gives an input the same values, or the same error.
@Suite struct FrameTests {
    /// Holds what the script writes about the frame and its files.
    struct Frame: Decodable {
        let columns: [String]
        let files: [String]
        /// The reason why the format, or its writer, cannot hold a column, by file and column.
        let cannot: [String: [String: String]]
        let types: [String]
        let unwritable: [String: String]

        static let shared: Frame = {
            let data = try! Data(contentsOf: URL(fileURLWithPath: FrameTests.path("frame.json")))
            return try! JSONDecoder().decode(Frame.self, from: data)
        }()
    }

    static func path(_ name: String) -> String { Oracle.packageRoot + "/Tests/ColumnarTests/Frames/" + name }

    struct Case: Sendable, CustomTestStringConvertible {
        let type: ElementType
        var dimensions: [Int?] = [nil, 1]
        var rule = InputRule()
        var columns: [String]?
        var name: String
        /// Columns whose text every tool spells by itself.
        var spelled: Set<String> = []
        var testDescription: String { name }
    }

    static let floats: Set<String> = ["f32", "f64", "whole", "huge", "tiny", "inf", "nan", "holes", "price", "wider"]
    static let lists = ["list", "ints", "names"]

    static let cases: [Case] = [
        Case(type: .float32, name: "float32"), Case(type: .float64, name: "float64", spelled: ["f32"]),
        Case(type: .float16, name: "float16"),
        Case(type: .bfloat16, name: "bfloat16"), Case(type: .int8, name: "int8"), Case(type: .int32, name: "int32"),
        Case(type: .int64, name: "int64"), Case(type: .uint64, name: "uint64"), Case(type: .bool, name: "bool"),
        Case(type: .float32, rule: InputRule(missing: .nan), name: "float32, NaN for a gap"),
        Case(
            type: .float64, rule: InputRule(scale: 0.5, offset: 1, missing: .value(-1)), name: "float64, scaled and filled",
            spelled: ["f32"]),
        Case(type: .int64, rule: InputRule(missing: .value(-1)), name: "int64, filled"),
        Case(type: .string, name: "string", spelled: floats),
        Case(
            type: .string, rule: InputRule(missing: .text("?"), booleans: .words(no: "False", yes: "True"), times: .text),
            name: "string, booleans spelled", spelled: floats.union(["day", "stamp", "zoned", "paris", "clock"])),
        Case(
            type: .string, rule: InputRule(missing: .text("1970-01-01"), times: .iso),
            columns: ["day", "stamp", "zoned", "paris", "clock", "text", "nothing"], name: "string, times as ISO 8601"),
        Case(
            type: .bool, rule: InputRule(booleans: .words(no: "green", yes: "red")), columns: ["colour", "words", "flag", "maybe"],
            name: "bool from words"),
        Case(type: .float32, dimensions: [nil, 2], columns: lists, name: "float32 from lists"),
        Case(type: .int64, dimensions: [nil, 2], columns: lists, name: "int64 from lists"),
        Case(type: .string, dimensions: [nil, 2], columns: ["names"], name: "string from lists"),
        Case(type: .float32, dimensions: [nil, nil], columns: ["list", "ints"], name: "float32 from lists, open"),
        Case(type: .int64, dimensions: [nil, nil], columns: ["ints"], name: "int64 from lists, open"),
        Case(type: .float64, dimensions: [nil, 2, 2], columns: ["nested"], name: "float64 from nested lists"),
        Case(type: .float32, dimensions: [nil, nil, nil], columns: ["nested"], name: "float32 from nested lists, open"),
    ]

    @Test(arguments: cases)
    func everyFormatGivesTheSame(given: Case) throws {
        let frame = Frame.shared
        var compared = 0
        let nested: Set<String> = Set(Self.lists + ["nested", "pair", "bytes"])
        for column in given.columns ?? frame.columns.filter({ !nested.contains($0) }) where !given.spelled.contains(column) {
            let expected = outcome("pyarrow.arrow", column, given)
            for file in frame.files where file != "pyarrow.arrow" && frame.cannot[file]?[column] == nil {
                #expect(outcome(file, column, given) == expected, "\(column) of \(file)")
                compared += 1
            }
        }
        #expect(compared > 5)
    }

    /// The columns that a tool cannot write are counted, so that the list of excuses grows only on purpose.
    @Test func whatFormatsCannotSay() {
        let frame = Frame.shared
        let excused = frame.cannot.values.reduce(0) { $0 + $1.count }
        #expect(frame.columns.count * frame.files.count - excused >= 600, "\(excused) of \(frame.columns.count * frame.files.count)")
        #expect(excused <= 160)
        #expect(frame.cannot.values.allSatisfy { $0.values.allSatisfy { !$0.isEmpty } })
    }

    /// The values of a column as the input has them, or the error without what is particular to the file.
    private func outcome(_ file: String, _ column: String, _ given: Case) -> String {
        let path = Self.path(file)
        do {
            var rule = given.rule
            rule.columns = .list([column])
            let input = ModelInput(name: "x", elementType: given.type, dimensions: given.dimensions)
            var options = ReadOptions()
            options.dialect.nullWords = ["", "NA", "N/A", "NULL", "null"]
            let rows = try openInputs(path: path, options: options, inputs: [input], rules: ["x": rule], batchRows: 4)
            var values: [String] = []
            while let batch = try rows.next() {
                let tensor = batch.tensors["x"]!
                values += tensor.strings ?? tensor.bytesText
            }
            return values.joined(separator: "|")
        } catch {
            var text = "\(error)".replacingOccurrences(of: path + ": ", with: "")
            // A float32 is written with the digits of either width.
            if column == "f32" { text = text.replacing(/the value [-0-9.e]+ does/, with: "the value does") }
            return text
        }
    }

    /// Every type of Arrow's own enumeration is in the file or said not to be writable, in the documentation's table, and is read or
    /// refused by name.
    @Test func everyTypeOfArrow() throws {
        var names: Set<String> = []
        var name = [CChar](repeating: 0, count: 64)
        var id: Int32 = 0
        while carrow_type_name(id, &name, 64) {
            names.insert(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            id += 1
        }
        let frame = Frame.shared
        #expect(names.subtracting(frame.types).isEmpty && names.count == frame.types.count, "\(names.symmetricDifference(frame.types))")

        let table = try String(contentsOfFile: Oracle.packageRoot + "/pipelines/README.md", encoding: .utf8)
        for type in frame.types { #expect(table.contains("`\(type.lowercased())`"), "\(type) is not in the documentation's table") }

        let path = Self.path("every-type.arrow")
        let schema = try TableReader(path: path).schema
        let numbers: Set<String> = [
            "BOOL", "INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "HALF_FLOAT", "FLOAT", "DOUBLE", "DECIMAL32",
            "DECIMAL64",
            "DECIMAL128", "DECIMAL256", "STRING", "LARGE_STRING", "STRING_VIEW", "DICTIONARY", "RUN_END_ENCODED", "LIST", "LARGE_LIST",
            "FIXED_SIZE_LIST",
            "LIST_VIEW", "LARGE_LIST_VIEW",
        ]
        for type in frame.types where frame.unwritable[type] == nil {
            #expect(!schema.positions(of: type).isEmpty, "\(type) is not in the file")
            let input = ModelInput(name: "x", elementType: .float64, dimensions: [nil, 1])
            let text: String
            do {
                let binder = try TableBinder(
                    reader: TableReader(path: path), inputs: [input], rules: ["x": InputRule(columns: .list([type]))], batchRows: 10)
                text = try binder.next().map { "\($0.rowCount) rows" } ?? "no rows"
            } catch { text = "\(error)" }
            if numbers.contains(type) {
                #expect(text == "2 rows", "\(type): \(text)")
            } else {
                #expect(text.contains("column \"\(type)\""), "\(type): \(text)")
            }
        }
    }
}

extension Tensor {
    /// The elements as bits, so that every NaN, and every last bit, is told apart.
    fileprivate var bytesText: [String] {
        switch elementType {
        case .float32: values(as: Float.self)!.map { $0.isNaN ? "nan" : "\($0)" }
        case .float64: values(as: Double.self)!.map { $0.isNaN ? "nan" : "\($0)" }
        case .float16: values(as: Float16.self)!.map { $0.isNaN ? "nan" : "\($0)" }
        case .bfloat16: values(as: UInt16.self)!.map { "\($0)" }
        case .int8: values(as: Int8.self)!.map { "\($0)" }
        case .int32: values(as: Int32.self)!.map { "\($0)" }
        case .uint64: values(as: UInt64.self)!.map { "\($0)" }
        case .bool: values(as: UInt8.self)!.map { "\($0)" }
        default: values(as: Int64.self)!.map { "\($0)" }
        }
    }
}
