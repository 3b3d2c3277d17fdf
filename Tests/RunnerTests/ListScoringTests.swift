import Attempts
import Columnar
import ConformanceSupport
import Engine
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Recipes
import Runner
import SystemPackage
import Tensors
import TestSupport
import Testing

/// Rows of lists of different lengths get what ONNX Runtime gives for each of them alone, in the file's order.
@Suite struct ListScoringTests {
    private static let rowCount = 300
    let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("lists") }

    private static func length(_ row: Int) -> Int { 1 + (row * 7) % 13 }
    private static func ids(_ row: Int) -> [Int64] { (0..<length(row)).map { Int64((row * 31 + $0 * 17) % 1000 + 1) } }

    private static let batch = Tensors.Dimension.symbolic("batch"), seq = Tensors.Dimension.symbolic("seq")

    private static func model(_ nodes: [Node], _ inputs: [Value], _ outputs: [Value], _ initializers: [StoredTensor] = []) throws -> Data {
        let graph = Graph(name: "lists", nodes: nodes, inputs: inputs, outputs: outputs, initializers: initializers)
        return try Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph).serialized()
    }

    /// Masked places do not count in any output; the tokens are an output of their own, with a further axis of two.
    private static func masked(_ axis: Tensors.Dimension = seq) throws -> Data {
        let shape = [batch, axis]
        return try model(
            [
                Node("Mul", ["input_ids", "attention_mask"], ["kept"]),
                Node("ReduceSum", ["kept", "one"], ["sum"], [Attribute("keepdims", .int(0))]),
                Node("ReduceSum", ["attention_mask", "one"], ["count"], [Attribute("keepdims", .int(0))]),
                Node("Add", ["kept", "input_ids"], ["twice"]), Node("Unsqueeze", ["twice", "two"], ["wide"]),
                Node("Concat", ["wide", "wide"], ["pairs"], [Attribute("axis", .int(2))]),
            ],
            ["input_ids", "attention_mask"].map { Value($0, .tensor(.int64, shape)) },
            [
                Value("sum", .tensor(.int64, [batch])), Value("count", .tensor(.int64, [batch])), Value("twice", .tensor(.int64, shape)),
                Value("pairs", .tensor(.int64, shape + [.fixed(2)])),
            ], [StoredTensor("one", .int64, [1], [1 as Int64]), StoredTensor("two", .int64, [1], [2 as Int64])])
    }

    /// A mean over all places, padding too: what is filled up shows at once.
    private static func mean() throws -> Data {
        try model(
            [
                Node("ReduceMean", ["x"], ["mean"], [Attribute("axes", .ints([1])), Attribute("keepdims", .int(0))]),
                Node("Relu", ["x"], ["same"]),
            ],
            [Value("x", .tensor(.float32, [batch, seq]))],
            [Value("mean", .tensor(.float32, [batch])), Value("same", .tensor(.float32, [batch, seq]))])
    }

    private func score(
        _ model: Data, _ lines: [String], _ inputs: [InputSchema], _ stage: ForwardStage = ForwardStage(), format: OutputFormat = .jsonl,
        rangeBytes: Int? = nil
    ) throws -> [[String: Any]] {
        try model.write(to: URL(fileURLWithPath: directory("m.onnx")))
        try directory.write(lines.joined(separator: "\n") + "\n", to: "d.jsonl")
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: directory(name), digest: try FileDigest.of(FilePath(directory(name))).digest)
        }
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: try file("m.onnx"), data: try file("d.jsonl"), output: directory("o.\(format.rawValue)"), format: format,
                    parts: rangeBytes == nil ? nil : directory("\(UUID())-parts"))),
            schema: RowSchema(key: ["row"], inputs: inputs, keep: ["row"]), stages: [.forward(stage)])
        let result = LocalExecutor(sessionBytes: 1 << 20, rangeBytes: rangeBytes).execute(spec, cancellation: AttemptCancellation())
        guard result.succeeded else { throw Refused(what: result.failure?.what ?? "") }
        guard format == .jsonl else { return [] }
        return try String(contentsOfFile: directory("o.jsonl"), encoding: .utf8).split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }

    struct Refused: Error { let what: String }

    private func lines(_ key: String) -> [String] { (0..<Self.rowCount).map { "{\"row\":\($0),\"\(key)\":\(Self.ids($0))}" } }

    @Test(arguments: [nil, 7]) func withAMaskEachRowIsAsAlone(batchSize: Int?) throws {
        let model = try Self.masked()
        let stage = ForwardStage(batchSize: batchSize.map { .rows($0) } ?? .auto)
        let rows = try score(model, lines("input_ids"), [InputSchema(name: "input_ids", pad: .integer(5), mask: "attention_mask")], stage)
        #expect(rows.map { $0["row"] as? Int } == Array(0..<Self.rowCount))
        let session = try Session(model: model)
        for (row, got) in rows.enumerated() {
            let ids = Tensor(.int64, [1, Self.length(row)], Self.ids(row))
            let alone = try session.run([ids, Tensor(.int64, ids.shape, Self.ids(row).map { _ in 1 as Int64 })])
            #expect(got["sum"] as? Int == alone[0].tensor?.values(as: Int64.self).map { Int($0[0]) })
            #expect(got["count"] as? Int == Self.length(row))
            #expect(got["twice"] as? [Int] == alone[2].tensor?.values(as: Int64.self)?.map(Int.init))
            #expect((got["pairs"] as? [[Int]])?.flatMap { $0 } == alone[3].tensor?.values(as: Int64.self)?.map(Int.init))
        }
    }

    /// Each range is put together anew, so that what is scored of it does not depend on who scores the others, and in which order.
    @Test func rangesOfListsGiveWhatOneGoGives() throws {
        let mask = [InputSchema(name: "input_ids", pad: .integer(5), mask: "attention_mask")]
        func bytes(_ rangeBytes: Int?) throws -> [UInt8] {
            _ = try score(try Self.masked(), lines("input_ids"), mask, rangeBytes: rangeBytes)
            return try directory.read("o.jsonl")
        }
        let whole = try bytes(nil)
        #expect(whole.count > 10_000)
        for rangeBytes in [1_500, 4_000] { #expect(try bytes(rangeBytes) == whole) }
    }

    @Test func withoutAMaskEachRowIsAsAlone() throws {
        let model = try Self.mean()
        let rows = try score(model, lines("x"), [InputSchema(name: "x", columns: .list(["x"]), pad: .integer(0))])
        let session = try Session(model: model)
        for (row, got) in rows.enumerated() {
            let alone = try session.run([Tensor(.float32, [1, Self.length(row)], Self.ids(row).map(Float.init))])
            #expect((got["mean"] as? NSNumber)?.floatValue == alone[0].tensor?.values(as: Float.self)?[0])
            #expect((got["same"] as? [NSNumber])?.map(\.floatValue) == alone[1].tensor?.values(as: Float.self))
        }
        #expect(rows.count == Self.rowCount)
    }

    /// One length for all is what the pipeline asks for: padding counts, in every batch alike.
    @Test func oneLengthForAll() throws {
        let padded = [InputSchema(name: "x", columns: .list(["x"]), pad: .integer(2), length: 16)]
        let rows = try score(try Self.mean(), lines("x"), padded, ForwardStage(batchSize: .rows(9)))
        for (row, got) in rows.enumerated() {
            let sum = Self.ids(row).reduce(0, +) + Int64(2 * (16 - Self.length(row)))
            #expect((got["mean"] as? NSNumber)?.doubleValue == Double(sum) / 16)
            #expect((got["same"] as? [NSNumber])?.count == Self.length(row))
        }
        let columns = try score(try Self.mean(), lines("x"), padded, ForwardStage(outputs: [OutputMapping(output: "same", columns: "s_*")]))
        #expect(columns[0].count == 17 && columns[0]["s_15"] as? Int == 2)
    }

    /// Whose the axis of an output is that has another name, nobody knows: rows of other lengths are kept out of its runs.
    @Test func anOutputWithAnAxisOfItsOwnKeepsLengthsApart() throws {
        var model = try Model(serialized: Self.masked())
        model.graph.outputs = model.graph.outputs.map { output in
            output.name == "twice" ? Value("twice", .tensor(.int64, [Self.batch, .symbolic("other")])) : output
        }
        let mask = [InputSchema(name: "input_ids", pad: .integer(5), mask: "attention_mask")]
        let named = ForwardStage(outputs: [OutputMapping(output: "twice", columns: "twice")])
        let rows = try score(try model.serialized(), lines("input_ids"), mask, named)
        #expect(rows.enumerated().allSatisfy { ($1["twice"] as? [Int])?.count == Self.length($0) })
        let refusal = #expect(throws: Refused.self) { try score(try model.serialized(), lines("input_ids"), mask) }
        #expect(refusal?.what.contains("model output \"twice\" has rows of the shapes [1] and [8]") ?? false, "\(refusal?.what ?? "")")
    }

    @Test func whatCannotBeColumnsIsRefusedByName() throws {
        let padded = [InputSchema(name: "x", columns: .list(["x"]), pad: .integer(0))]
        let named = ForwardStage(outputs: [OutputMapping(output: "same", columns: "s_*")])
        for (stage, format) in [(named, OutputFormat.jsonl), (ForwardStage(), .npz)] {
            let refusal = #expect(throws: Refused.self) { try score(try Self.mean(), lines("x"), padded, stage, format: format) }
            #expect(refusal?.what.contains("model output \"same\" has rows of the shapes [1] and [8]") ?? false, "\(refusal?.what ?? "")")
            #expect(refusal?.what.contains("schema.inputs.NAME.length") ?? false)
        }
        let first = #expect(throws: Refused.self) {
            try score(try Self.mean(), lines("x"), [InputSchema(name: "x", columns: .list(["x"]))])
        }
        #expect(
            first?.what.contains(
                "row 2, column \"x\", model input \"x\": the list has 8 elements, those of the rows before it 1: give the input `pad: 0`")
                ?? false)
    }
}
