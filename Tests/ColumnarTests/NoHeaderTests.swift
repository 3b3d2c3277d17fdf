import Names
import Reasons
import Recipes
import Tensors
import TestSupport
import Testing

@testable import Columnar

/// A CSV file without a header, which a pipeline takes for one with: its first row is told as cells are, and not as names.
@Suite struct NoHeaderTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("no-header") }

    private func refusal(
        _ text: String, _ inputs: [ModelInput], _ rules: NameMap<InputRule> = [:], _ schema: TableSchemaRule = TableSchemaRule(),
        pinned: [String: [String]] = [:]
    ) throws -> ColumnarError {
        let path = try directory.write(text, to: "a.csv")
        do throws(ColumnarError) {
            _ = try openInputs(
                path: path, inputs: inputs, rules: rules, schema: schema, batchRows: 4, pinned: pinned)
        } catch { return error }
        Issue.record("it was taken")
        return .badRule("")
    }

    private static let x = ModelInput(name: "x", elementType: .float32, dimensions: [nil, 1])
    private static let text = "Zoe,zoe@mail,42\nMax,max@mail,43\n"

    /// The sentence without the place, since the path of the file has random digits.
    private func reason(_ error: ColumnarError) -> Reason { error.located?.reason ?? error.reason }

    private func isHidden(_ error: ColumnarError) -> Bool {
        let words = ["Zoe", "zoe@mail", "42"], reason = reason(error)
        return !words.contains(where: reason.text.contains) && words.contains(where: reason.sentence.contains)
            && reason.text.contains("none of the columns that are looked for is in its first row")
    }

    @Test func itsFirstRowIsToldAsCellsAre() throws {
        let other = ModelInput(name: "y", elementType: .float32, dimensions: [nil, 1])
        for error in [
            try refusal(Self.text, [Self.x, other]), try refusal(Self.text, [Self.x], [:], TableSchemaRule(keep: ["id"])),
            try refusal(Self.text, [Self.x], ["x": InputRule(columns: .list(["age"]))]),
            try refusal(Self.text, [Self.x], ["x": InputRule(columns: .pattern("pixel_*"))]),
            try refusal("Zoe,zoe@mail\nMax,max@mail\n", [Self.x]),
            try refusal("Zoe,42,7\nMax,43,8\n", [ModelInput(name: "x", elementType: .float32, dimensions: [nil, 3])]),
        ] { #expect(isHidden(error), "\(reason(error).text) | \(reason(error).sentence)") }
        let moved = try refusal("7,42\n8,43\n".replacing("7,", with: "a7,"), [Self.x], pinned: ["x": ["first"]])
        #expect(!reason(moved).text.contains("42") && reason(moved).text.contains("first"), "\(reason(moved).text)")
    }

    /// A column whose cells look like numbers is named only where it has a name.
    @Test func cellsThatLookLikeNumbersAreNamedByTheirRows() throws {
        let pair = ModelInput(name: "x", elementType: .float32, dimensions: [nil, 2])
        let error = try refusal("Zoe,\"1,000\"\nMax,\"2,000\"\n3,4\n", [pair])
        #expect(reason(error).text.contains("a cell that is none: row 1") && !reason(error).text.contains("000"), "\(reason(error).text)")
    }

    /// One name that is looked for shows that there is a header, and so does one that is almost it.
    @Test func aHeaderIsTold() throws {
        let temperature = ModelInput(name: "temperature", elementType: .float32, dimensions: [nil, 1])
        let known = try refusal(
            "id,mail,size\n1,2,3\n", [temperature, ModelInput(name: "size", elementType: .float32, dimensions: [nil, 1])])
        #expect(reason(known).text.contains("the columns are \"id\", \"mail\", \"size\"") && reason(known).cells == nil, "\(known)")
        let close = try refusal("lenght\n1\n", [Self.x], ["x": InputRule(columns: .list(["length"]))])
        #expect(reason(close).text.contains("did you mean \"lenght\"?") && reason(close).cells == nil, "\(close)")
        try directory.write("{\"Zoe\":1}\n", to: "a.jsonl")
        #expect(throws: ColumnarError.self) {
            try openInputs(
                path: directory("a.jsonl"), inputs: [Self.x, ModelInput(name: "y", elementType: .float32, dimensions: [nil])], batchRows: 1)
        }
    }
}
