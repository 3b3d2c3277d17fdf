import PipelineConfig
import Recipes
import Testing

/// Inputs that no column fills, and axes that are the rows.
@Suite struct InputValueTests {
    private func schema(_ text: String) throws -> RowSchema { try read(base + "schema: { inputs: { x: { \(text) } } }\n").schema }

    @Test func valuesAreReadAsTheyStand() throws {
        func plain(_ texts: String...) -> [InputValue] { texts.map { InputValue(text: $0, isText: false) } }
        for (text, expected) in [
            ("value: 16000", plain("16000")), ("value: 18446744073709551615", plain("18446744073709551615")),
            ("value: -0.5", plain("-0.5")),
            ("value: true", plain("true")), ("value: nan", plain("nan")), ("value: [640, 480]", plain("640", "480")),
            ("value: [[1, 2], [3, 4]]", plain("1", "2", "3", "4")), ("value: \"a b\"", [InputValue(text: "a b", isText: true)]),
            ("value: [\"a\", '1']", [InputValue(text: "a", isText: true), InputValue(text: "1", isText: true)]),
        ] { #expect(try schema(text)[input: "x"]?.value == expected, "\(text)") }
        #expect(try schema("batch_axis: 1")[input: "x"]?.batchAxis == 1)
        #expect(try schema("value: 0, batch_axis: 1")[input: "x"] == InputSchema(name: "x", value: plain("0"), batchAxis: 1))
        let outputs = try read(
            base.replacing("forward]", with: "forward: { outputs: { y: { batch_axis: 1 }, z: { columns: z_*, batch_axis: 2 } } }]")
        )
        .forward?.outputs
        #expect(outputs == [OutputMapping(output: "y", batchAxis: 1), OutputMapping(output: "z", columns: "z_*", batchAxis: 2)])
    }

    @Test(arguments: [
        ("value: word", "`word` is no value; write a number, true, false, a text in quotes, or a list of them"),
        ("value: { a: 1 }", "is no value"), ("value: []", "an empty list holds no value"),
        ("value: [1, \"a\"]", "texts stand beside numbers"),
        ("value: 1, columns: a", "schema.inputs.x.columns: an input with a `value` takes no column; remove `columns`, or `value`"),
        ("value: 1, scale: 2", "schema.inputs.x.scale: an input with a `value`"),
        ("value: 1, missing: nan", "schema.inputs.x.missing: an input with a `value`"),
        ("batch_axis: -1", "schema.inputs.x.batch_axis: -1 is out of range"), ("batch_axis: first", "is not a whole number"),
        ("batch_axs: 1", "did you mean `batch_axis`?"),
    ])
    func whatIsNoneIsRefused(text: String, words: String) {
        let found = problems(base + "schema: { inputs: { x: { \(text) } } }\n")
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }

    @Test func outputAxesAreChecked() {
        let found = problems(base.replacing("forward]", with: "forward: { outputs: { y: { batch_axis: 99 } } }]"))
        #expect(found.count == 1 && found[0].contains("outputs.y.batch_axis: 99 is out of range"), "\(found)")
    }

    @Test func trainingWithThemIsRefusedByName() {
        let text = """
            name: x
            spool: { models: m, data: d, labelled: l }
            stages: [deserialize, optimize: { gradient: { loss: mean_squared_error } }, forward]
            land: { models: a, outputs: b }
            schema: { label: l, inputs: { s: { value: 1 }, t: { batch_axis: 1 } } }

            """
        let found = problems(text)
        #expect(found.count == 2, "\(found)")
        #expect(found.contains { $0.contains("schema.inputs.s.value: training with it is not implemented") })
        #expect(found.contains { $0.contains("schema.inputs.t.batch_axis: training with it is not implemented") })
    }

    /// A key that changes the output's bytes changes the revision; an axis that is the default adds no line.
    @Test func revisions() throws {
        let texts = [
            "", "x: { value: 1 }", "x: { value: 2 }", "x: { value: \"1\" }", "x: { value: [1, 1] }", "x: { batch_axis: 1 }",
            "x: { value: 1, batch_axis: 1 }",
        ]
        let revisions = try texts.map { try read(base + "schema: { inputs: { \($0) } }\n").revision }
        #expect(Set(revisions).count == texts.count)
        #expect(try read(base + "schema: { inputs: { x: { batch_axis: 0 } } }\n").revision == read(base).revision)
        func outputs(_ text: String) throws -> Revision {
            try read(base.replacing("forward]", with: "forward: { outputs: { y: { \(text) } } }]")).revision
        }
        #expect(try outputs("columns: y") == outputs("columns: y, batch_axis: 0"))
        #expect(
            try Set([outputs("columns: y"), outputs("columns: y, batch_axis: 1"), outputs("batch_axis: 1"), outputs("batch_axis: 2")]).count
                == 4)
    }
}
