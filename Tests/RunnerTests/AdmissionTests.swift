import Engine
import PipelineConfig
import Recipes
import Tensors
import Testing

@testable import Runner

/// Which axis is the rows, and which inputs no column fills, from declared shapes: before there is any data.
@Suite struct AdmissionTests {
    private static func declared(_ name: String, _ type: ElementType = .float32, _ dimensions: [Dimension]) -> ValueInfo {
        ValueInfo(name: name, kind: .tensor(elementType: type.rawValue, dimensions: dimensions))
    }

    /// `N` and `?` are open, a number is fixed.
    private static func shape(_ text: String) -> [Dimension] {
        text.split(separator: " ").map { word in Int(word).map { .fixed($0) } ?? (word == "?" ? .unknown : .symbolic(String(word))) }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let inputs: [(String, String)]
        let output: String
        /// Words of the refusal; none where it is admitted.
        let words: [String]
        var schema = RowSchema()
        var axis: Int?
        /// Whether the declaration says that the output's axis is the rows.
        var settled: Bool?
        var testDescription: String { inputs.map { "\($0.0)[\($0.1)]" }.joined(separator: ", ") + " -> [\(output)]" }
    }

    static let cases: [Case] = [
        Case(inputs: [("x", "N 4")], output: "N 2", words: [], settled: true),
        // Too little is said: many exporters write so.
        Case(inputs: [("x", "N 4")], output: "1", words: [], settled: false),
        Case(inputs: [("x", "? 4")], output: "? 2", words: [], settled: false),
        Case(inputs: [("x", "N 4")], output: "M 2", words: [], settled: false),
        Case(inputs: [("x", "N 4")], output: "", words: [], settled: false),
        Case(inputs: [("x", "N N")], output: "5 N", words: [], settled: false),
        Case(inputs: [("x", "N 4")], output: "? N", words: [], settled: false),
        Case(inputs: [("x", "N 4"), ("z", "M 4")], output: "M 2", words: [], settled: true),
        // The rows stand elsewhere.
        Case(
            inputs: [("x", "N T 2")], output: "T N 2",
            words: ["'y'", "[T, N, 2]", "axis 1 is the rows", "batch_axis: 1", "forward.outputs"]),
        Case(inputs: [("x", "N 3 2")], output: "3 N 2", words: ["'y'", "axis 1 is the rows, 'N'"]),
        Case(inputs: [("x", "N T 2")], output: "T N 2", words: [], axis: 1, settled: true),
        Case(inputs: [("x", "4 3")], output: "3 4", words: ["'y'", "axis 1 is the rows, 4"]),
        Case(inputs: [("x", "4 3")], output: "4 3", words: [], settled: true),
        Case(inputs: [("x", "4 3")], output: "1", words: [], settled: false),
        Case(inputs: [("x", "1 3")], output: "3 1", words: [], settled: false),
        Case(inputs: [("x", "N 4")], output: "N 2", words: ["'y'", "has 2 axes", "batch_axis is 2"], axis: 2),
        // Inputs that no column fills.
        Case(inputs: [("x", "? ?"), ("sr", "")], output: "?", words: ["'sr'", "single value", "{ value: 0 }", "--value sr=0"]),
        Case(inputs: [("x", "N 4"), ("state", "2 N 8")], output: "N 2", words: ["'state'", "axis 1 is 'N'", "batch_axis: 1", "value: 0"]),
        Case(inputs: [("x", "? ?"), ("state", "2 ? 8")], output: "? ?", words: ["'state'", "fixed at 2", "batch_axis: 1"]),
        Case(
            inputs: [("x", "1 576"), ("state", "2 1 128")], output: "1 1",
            words: ["'state'", "fixed at 2", "'x'", "fixed at 1", "batch_axis: 1"]),
        Case(inputs: [("x", "T N 2"), ("lengths", "N")], output: "T N", words: ["'x'", "axis 1 is 'N'", "'lengths'"]),
        Case(inputs: [("x", "0 4")], output: "0 2", words: ["'x'", "no room for rows"]),
        Case(inputs: [], output: "3", words: ["no input"]),
        Case(inputs: [("x", "N 4"), ("m", "1 4")], output: "1 2", words: [], settled: true),
        Case(
            inputs: [("x", "? ?"), ("state", "2 ? 8"), ("sr", "")], output: "? 1", words: [],
            schema: RowSchema(inputs: [value("sr", "16000"), value("state", "0")]), settled: false),
        Case(
            inputs: [("x", "? ?"), ("state", "2 ? 8")], output: "? 1", words: [],
            schema: RowSchema(inputs: [InputSchema(name: "state", batchAxis: 1)]),
            settled: false),
        Case(inputs: [("x", "N 4")], output: "N 2", words: ["nothing that rows could fill"], schema: RowSchema(inputs: [value("x", "0")])),
        Case(inputs: [("x", "N 4")], output: "N 2", words: ["input 'z'", "'x'"], schema: RowSchema(inputs: [InputSchema(name: "z")])),
        Case(
            inputs: [("x", "N 4"), ("s", "A B")], output: "N 2", words: ["'s'", "open axes"], schema: RowSchema(inputs: [value("s", "1")])),
        Case(
            inputs: [("x", "N 4"), ("s", "3")], output: "N 2", words: ["takes 3 values", "2 are given"],
            schema: RowSchema(inputs: [value("s", "1", "2")])),
        Case(
            inputs: [("x", "N 4"), ("s", "")], output: "N 2", words: ["takes float", "\"a\""], schema: RowSchema(inputs: [text("s", "a")])),
        Case(
            inputs: [("x", "N 4"), ("s", "")], output: "N 2", words: ["takes float", "1e300"],
            schema: RowSchema(inputs: [value("s", "1e300")])
        ),
    ]

    private static func value(_ name: String, _ texts: String...) -> InputSchema {
        InputSchema(name: name, value: texts.map { InputValue(text: $0, isText: false) })
    }
    private static func text(_ name: String, _ text: String) -> InputSchema {
        InputSchema(name: name, value: [InputValue(text: text, isText: true)])
    }

    @Test(arguments: cases) func declarations(_ test: Case) throws {
        let inputs = test.inputs.map { Self.declared($0.0, .float32, Self.shape($0.1)) }
        let mappings = test.axis.map { [OutputMapping(output: "y", batchAxis: $0)] }
        do throws(AdmissionRefusal) {
            let admission = try Admission(
                inputs: inputs, outputs: [Self.declared("y", .float32, Self.shape(test.output))], schema: test.schema, mappings: mappings)
            #expect(test.words.isEmpty, "admitted")
            #expect(admission.outputs[0].isSettled == test.settled)
        } catch {
            let told = "\(error.failure(at: "m.onnx"))"
            #expect(!test.words.isEmpty && test.settled == nil, "\(told)")
            for word in test.words { #expect(told.contains(word), "\(told)") }
        }
    }

    @Test func outputsThatGiveNoColumnsAreNamed() throws {
        let x = Self.declared("x", .float32, Self.shape("N 4"))
        let list = ValueInfo(name: "boxes", kind: .sequence(.tensor(elementType: 1, dimensions: [])))
        let map = ValueInfo(name: "p", kind: .sequence(.map(key: 7, value: .tensor(elementType: 1, dimensions: []))))
        #expect(throws: AdmissionRefusal.self) { try Admission(inputs: [x], outputs: [list, map], schema: RowSchema(), mappings: nil) }
        let chosen = try Admission(
            inputs: [x], outputs: [list, map], schema: RowSchema(), mappings: [OutputMapping(output: "p", columns: "p_*")])
        #expect(chosen.outputs.map(\.name) == ["p"])
    }

    @Test func constantsAreExactInEveryType() throws {
        func tensor(_ type: ElementType, _ shape: String, _ texts: [String], isText: Bool = false) throws -> RowRun.Constant {
            let schema = RowSchema(inputs: [InputSchema(name: "c", value: texts.map { InputValue(text: $0, isText: isText) })])
            let inputs = [Self.declared("x", .float32, Self.shape("N 4")), Self.declared("c", type, Self.shape(shape))]
            return try #require(try Admission(inputs: inputs, outputs: [], schema: schema, mappings: nil).constants[1])
        }
        #expect(try tensor(.int64, "", ["9007199254740993"]).tensor.values(as: Int64.self) == [9_007_199_254_740_993])
        #expect(try tensor(.uint64, "2", ["18446744073709551615"]).tensor.values(as: UInt64.self) == [.max, .max])
        #expect(try tensor(.float32, "1 2", ["0.1", "2"]).tensor.values(as: Float.self) == [0.1, 2])
        #expect(try tensor(.float16, "", ["0.1"]).tensor.values(as: Float16.self) == [0.1])
        #expect(try tensor(.bfloat16, "", ["1.00390625"]).tensor.values(as: UInt16.self) == [0x3F80])
        #expect(try tensor(.bool, "2", ["true", "false"]).tensor.values(as: UInt8.self) == [1, 0])
        #expect(try tensor(.string, "2", ["a"], isText: true).tensor.strings == ["a", "a"])
        let following = try tensor(.float32, "2 N 3", ["1", "2", "3", "4", "5", "6"])
        #expect(following.rowAxis == 1 && following.tensor.shape == [2, 3])
        #expect(throws: AdmissionRefusal.self) { try tensor(.int8, "", ["128"]) }
        #expect(throws: AdmissionRefusal.self) { try tensor(.int64, "", ["1.5"]) }
        #expect(throws: AdmissionRefusal.self) { try tensor(.uint8, "", ["-1"]) }
    }
}
