import Recipes
import Testing

@testable import PipelineConfig

/// `pad`, `mask` and `length` of a model input.
@Suite struct PaddingTests {
    private func inputs(_ text: String) throws -> [InputSchema] { try read(base + "schema: { inputs: { \(text) } }").schema.inputs }

    @Test func areRead() throws {
        #expect(try inputs("x: { pad: 0, mask: m, length: 128 }") == [InputSchema(name: "x", pad: .integer(0), mask: "m", length: 128)])
        #expect(try inputs("x: { columns: t, pad: -0.5 }") == [InputSchema(name: "x", columns: .list(["t"]), pad: .number(-0.5))])
        #expect(try inputs("x: { pad: \"\" }") == [InputSchema(name: "x", pad: .text(""))])
        #expect(try inputs("x: { pad: 0, mask: m }, m: { pad: 0, columns: am }").count == 2)
    }

    @Test func eachIsARevisionOfItsOwn() throws {
        let texts = [
            "x: { scale: 2 }", "x: { scale: 2, pad: 0 }", "x: { scale: 2, pad: 1 }", "x: { scale: 2, pad: 1.5 }", "x: { pad: \"0\" }",
            "x: { scale: 2, pad: 0, mask: m }", "x: { scale: 2, pad: 0, mask: n }", "x: { scale: 2, pad: 0, length: 3 }",
            "x: { scale: 2, pad: 0, length: 4 }",
        ]
        let revisions = try texts.map { try read(base + "schema: { inputs: { \($0) } }").revision }
        #expect(Set(revisions).count == texts.count)
        #expect(try read(base + "schema: { inputs: { x: } }").revision == read(base).revision)
    }

    @Test(arguments: [
        (
            "x: { pad: some }",
            "5:31: schema.inputs.x.pad: `some` does not say what fills up a shorter row; write a number, like 0, or a text in quotes"
        ),
        (
            "x: { pad: [0] }",
            "5:31: schema.inputs.x.pad: a list does not say what fills up a shorter row; write a number, like 0, or a text in quotes"
        ),
        (
            "x: { mask: m }",
            "5:32: schema.inputs.x.mask: nothing is filled up, since there is no `pad`; say what fills up shorter rows, like pad: 0"
        ),
        (
            "x: { length: 4 }",
            "5:34: schema.inputs.x.length: nothing is filled up, since there is no `pad`; say what fills up shorter rows, like pad: 0"
        ),
        (
            "x: { pad: 0, mask: x }",
            "5:40: schema.inputs.x.mask: an input is not its own mask; name the model's mask input, like attention_mask"
        ),
        ("x: { pad: 0, length: 0 }", "5:42: schema.inputs.x.length: 0 is out of range; write a number from 1 to 1000000000"),
        (
            "x: { pad: \"-\", scale: 2 }",
            "5:31: schema.inputs.x.pad: a text stands where `scale` wants numbers; write a number, or remove one of the two"
        ),
        (
            "x: { pad: 0, mask: m }, m: { pad: 1 }",
            "5:55: schema.inputs.m.pad: m is the mask of x, and a mask is 0 where there is padding; write pad: 0, or remove it"
        ),
        ("x: { pad: 0, mask: m }, m: { pad: 0, mask: y }", "5:64: schema.inputs.m.mask: m is the mask of x and has none itself; remove it"),
        (
            "x: { pad: 0, mask: m }, m: { pad: 0, length: 4 }",
            "5:66: schema.inputs.m.length: m is the mask of x, which has another length; give both the same, or remove it here"
        ),
    ])
    func contradictionsAreRefused(text: String, problem: String) throws {
        #expect(problems(base + "schema: { inputs: { \(text) } }") == ["p.yaml:" + problem])
    }
}
