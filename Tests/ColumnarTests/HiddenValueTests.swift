import Names
import Reasons
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// Every error has the value of its cell in a field of its own, and nowhere in its sentence without values.
@Suite struct HiddenValueTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("hidden") }

    static let secret = "Zoe1987"

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String, file: String, text: String
        var type = ElementType.float32
        var dimensions: [Int?] = [nil, 1]
        var rule = InputRule()
        var types: [String: String] = [:]
        var pinned: [String: String]?
        /// The value of the cell.
        var value = HiddenValueTests.secret
        /// The words of the sentence in place of the value.
        let words: String
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "a word among numbers", file: "a.csv", text: "x\n1\nZoe1987\n", words: "the value is no number"),
        Case(name: "a word in JSON", file: "a.jsonl", text: "{\"x\":\"Zoe1987\"}\n", words: "the value is no number"),
        Case(
            name: "a number beyond an integer", file: "a.csv", text: "x\n98765\n", type: .int8, value: "98765",
            words: "the value does not fit int8"),
        Case(
            name: "the same in JSON", file: "a.jsonl", text: "{\"x\":98765}\n", type: .int8, value: "98765",
            words: "the value does not fit int8"),
        Case(
            name: "a number beyond a float", file: "a.csv", text: "x\n8.76e300\n", value: "8.76e300",
            words: "the value does not fit float"),
        Case(
            name: "a fraction", file: "a.csv", text: "x\n4711.25\n", type: .int64, value: "4711.25", words: "the value does not fit int64"),
        Case(
            name: "a scaled number", file: "a.csv", text: "x\n98\n", type: .int8, rule: InputRule(scale: 1000), value: "98",
            words: "the value, scaled, does not fit int8"),
        Case(
            name: "an infinity", file: "a.csv", text: "x\n1\ninf\n", rule: InputRule(refusesNonFinite: true), value: "inf",
            words: "the value is not finite"),
        Case(name: "no boolean", file: "a.csv", text: "x\ntrue\nZoe1987\n", type: .bool, words: "the value is neither true nor false"),
        Case(
            name: "none of the words", file: "a.csv", text: "x\nyes\nZoe1987\n", type: .bool,
            rule: InputRule(booleans: .words(no: "no", yes: "yes")),
            words: "the value is neither \"no\" nor \"yes\""),
        Case(
            name: "no time", file: "a.csv", text: "x\n2024-01-01\nZoe1987\n", type: .string, rule: InputRule(times: .iso),
            words: "the value is no date or time"),
        Case(
            name: "a date among numbers", file: "a.csv", text: "x\n1\n1987-12-24\n", value: "1987-12-24",
            words: "a date or a time, and no number"),
        Case(
            name: "a list of words", file: "a.jsonl", text: "{\"x\":[1,\"Zoe1987\"]}\n", dimensions: [nil, 2],
            words: "the value is no number"),
        Case(
            name: "more cells than columns", file: "a.csv", text: "x,k\n1,2\n1,2,Zoe1987\n", value: "1,2,Zoe1987",
            words: "Expected 2 columns, got 3"),
        Case(
            name: "a kept column that is a number", file: "a.csv", text: "x,k\n1,Zoe1987\n", types: ["k": "int64"],
            words: "the value is no number: the kept column's type"),
        Case(
            name: "a kept column that is a date", file: "a.csv", text: "x,k\n1,Zoe1987\n", types: ["k": "date"],
            words: "the value is no date"),
        Case(
            name: "a kept column that is a number in JSON", file: "a.jsonl", text: "{\"x\":1,\"k\":\"Zoe1987\"}\n", types: ["k": "int64"],
            words: "the value is no number"),
        Case(
            name: "a kept column of mixed JSON", file: "a.jsonl", text: "{\"x\":1,\"k\":1}\n{\"x\":1,\"k\":\"Zoe1987\"}\n",
            types: ["k": ""], words: "the value is of another kind"),
        Case(
            name: "a kept column pinned to another type", file: "a.csv", text: "x,k\n1,1\n1,Zoe1987\n", pinned: ["k": "int64"],
            words: "the text is not one that int64 prints"),
    ]

    private func failure(_ path: String, _ given: Case) throws -> ColumnarError? {
        var table = TableSchemaRule(keep: given.types.isEmpty && given.pinned == nil ? [] : ["k"])
        for (name, type) in given.types where !type.isEmpty { table.types[name] = type }
        do throws(ColumnarError) {
            let batches = try openInputs(
                path: path, inputs: [ModelInput(name: "x", elementType: given.type, dimensions: given.dimensions)],
                rules: ["x": InputRule(given.rule, columns: .list(["x"]))], schema: table, batchRows: 10,
                typing: given.pinned.map { .inferred(pinned: $0) } ?? .asText)
            while try batches.next() != nil {}
            return nil
        } catch { return error }
    }

    @Test(arguments: cases)
    func valuesStandApart(given: Case) throws {
        let path = try directory.write(given.text, to: given.file)
        let error = try #require(try failure(path, given))
        let reason = try #require(error.located?.reason)
        #expect(reason.cells?.values == [given.value], "\(reason)")
        #expect(reason.text.contains(given.words) && !reason.text.contains(given.value), "\(reason.text)")
        #expect("\(error)" == error.description(showingValues: true) && error.description(showingValues: false).hasSuffix(reason.text))
    }

    /// The same in every format: a word among numbers, a number that float32 cannot hold, one with a fraction in an integer.
    @Test func everyFormatKeepsValuesApart() throws {
        let frame = FrameTests.Frame.shared
        var compared = 0
        // What the cells hold; of the last column, several.
        let columns = [("words", ElementType.float32, "two"), ("huge", .float32, "1.7976931348623157"), ("i32", .int8, "")]
        for (column, type, value) in columns {
            for file in frame.files where frame.cannot[file]?[column] == nil {
                let input = ModelInput(name: "x", elementType: type, dimensions: [nil, 1])
                var failure: ColumnarError?
                do throws(ColumnarError) {
                    let rules: NameMap<InputRule> = ["x": InputRule(columns: .list([column]))]
                    let batches = try openInputs(path: FrameTests.path(file), inputs: [input], rules: rules, batchRows: 10)
                    while try batches.next() != nil {}
                } catch { failure = error }
                let reason = try #require(failure?.located?.reason, "\(file), \(column)")
                let told = try #require(reason.cells?.values.first, "\(file), \(column): \(reason)")
                #expect(told.hasPrefix(value) && reason.sentence.contains(value), "\(file): \(reason)")
                #expect(reason.text.hasPrefix("the value ") && !reason.text.contains(told), "\(file): \(reason.text)")
                compared += 1
            }
        }
        #expect(compared >= 45, "\(compared)")
    }

    /// Arrow's own messages quote values: they are shown and hidden as a whole.
    @Test(arguments: ["pyarrow.parquet", "pyarrow.arrow", "views.arrow"])
    func whatArrowSaysOfAValueStandsApart(file: String) throws {
        var failure: ColumnarError?
        do throws(ColumnarError) {
            let batches = try openInputs(
                path: FrameTests.path(file), inputs: [ModelInput(name: "whole", elementType: .float32, dimensions: [nil, 1])],
                rules: ["whole": InputRule(columns: .list(["whole"]))], schema: TableSchemaRule(keep: ["f64"], types: ["f64": "int64"]),
                batchRows: 10)
            while try batches.next() != nil {}
        } catch { failure = error }
        let reason = try #require(failure?.located?.reason)
        #expect(reason.text == "a value does not fit the type int64", "\(reason.text)")
        #expect(reason.sentence.contains("Float value") && reason.sentence.hasPrefix(reason.text), "\(reason)")
    }
}

extension InputRule {
    fileprivate init(_ rule: InputRule, columns: ColumnSelector) {
        self = rule
        self.columns = columns
    }
}
