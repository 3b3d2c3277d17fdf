import Foundation
import PipelineConfig
import Recipes
import TestSupport
import Testing

@Suite struct PipelineTemplateTests {
    private static func numeric(_ names: [String]) -> [DataColumn] { names.map { DataColumn(name: $0, isNumeric: true) } }

    private static let probabilities = [
        ModelSignature.Value(name: "label", elementType: "int64", dimensions: [nil]),
        ModelSignature.Value(name: "probabilities", elementType: "float", dimensions: [nil, 10]),
    ]

    private static func sample(_ columns: [DataColumn], rows: Int = 0, form: DataSample.Form = .csv) -> DataSample {
        var sample = DataSample(form: form, columns: columns)
        sample.rowCount = rows
        return sample
    }

    @Test func digits() throws {
        let draft = PipelineTemplate.draft(
            name: "digits",
            model: ModelSignature(
                inputs: [
                    ModelSignature.Value(name: "pixels", elementType: "float", axes: [.named("batch"), .fixed(1), .fixed(8), .fixed(8)])
                ],
                outputs: Self.probabilities),
            data: Self.sample(Self.numeric(["id"] + (0..<64).map { "pixel_\($0)" } + ["digit", "label"])))
        let lines = draft.text.split(separator: "\n").filter { !$0.trimmingCharacters(in: .whitespaces).hasPrefix("#") }
            .map { $0.split(separator: "  #")[0].trimmingCharacters(in: .whitespaces) }
        #expect(
            lines == [
                "name: digits", "spool:", "models: { path: spool/digits/models, include: all }",
                "data: { path: spool/digits/data, include: all }", "schema:", "key: [id]", "label: label", "inputs:",
                "pixels: pixel_*", "stages:", "- deserialize: {}", "- forward:", "batch_size: auto", "outputs:", "label: label",
                "probabilities: probabilities_*", "land:", "models: { path: out/digits/models, keep: 5 }",
                "outputs: { path: out/digits/predictions, format: parquet }", "after: keep", "on_error: { attempts: 3, backoff: 2s }",
            ])
        #expect(draft.text.contains("# float [batch, 1, 8, 8]\n"), "axes have their own names")
        let pipeline = try read(draft.text)
        #expect(pipeline.schema[input: "pixels"]?.columns == .pattern("pixel_*"))
    }

    /// Each row: inputs, columns, and what the schema says of them.
    @Test(
        arguments: [
            ([("x", "float", 4)], ["a", "b", "c", "d"], .list(["a", "b", "c", "d"]), "x: [a, b, c, d]"),
            ([("x", "float", 4)], ["a", "b", "c"], nil, "# x: [a, b]  float [N, 4], takes 4 columns; say which"),
            ([("x", "float", nil)], ["a", "b", "c"], nil, "x, float [N, ?]: all numeric columns"),
            ([("age", "float", 1), ("fare", "float", 1)], ["age", "fare", "z"], .list(["age"]), "age: [age]"),
            ([("monthly_charge", "float", 1)], ["z", "Monthly charge"], .list(["Monthly charge"]), "monthly_charge: [\"Monthly charge\"]"),
            ([("x", "float", 2), ("age", "float", 1)], ["age", "u", "v"], .list(["u", "v"]), "x: [u, v]"),
            ([("x", "float", 3)], ["f1", "f2", "f3", "g1"], .pattern("f*"), "x: f*"),
            ([("x", "float", 2)], ["f1", "f2", "fx"], .list(["f1", "f2"]), "# check: the first 2 of 3 numeric columns; not fx"),
            ([("x", "float", 3)], ["", "a", "b", "c"], .list(["a", "b", "c"]), "x: [a, b, c]"),
            ([("x", "float", 3)], [], nil, "takes 3 columns"),
            ([("no: \"x\"\n", "float", 2)], ["a b", "c"], .list(["a b", "c"]), "\"no: \\\"x\\\"\\n\""),
        ] as [([(String, String, Int?)], [String], ColumnSelector?, String)])
    func bindings(_ declared: [(String, String, Int?)], columns: [String], expected: ColumnSelector?, line: String) throws {
        let inputs = declared.map { ModelSignature.Value(name: $0.0, elementType: $0.1, dimensions: [nil, $0.2]) }
        let text = PipelineTemplate.draft(
            name: "m", model: ModelSignature(inputs: inputs, outputs: Self.probabilities), data: Self.sample(Self.numeric(columns))
        ).text
        let pipeline = try read(text)
        #expect(pipeline.schema[input: declared[0].0]?.columns == expected, "\(text)")
        #expect(text.contains(line), "\(text)")
    }

    private static func column(
        _ name: String, _ kind: DataColumn.Kind, missing: Int = 0, unique: Bool = false, plain: Bool = false, values: [String] = [],
        length: Int = 0
    ) -> DataColumn {
        var column = DataColumn(name: name, kind: kind)
        (column.missingCount, column.isUnique, column.isPlainIntegers, column.values, column.averageLength) = (
            missing, unique, plain, values, length
        )
        return column
    }

    /// The rows of the data decide what the model leaves open.
    @Test func whatTheRowsShow() throws {
        let row: [Int?] = [nil, 1]
        var model = ModelSignature(
            inputs: [
                ModelSignature.Value(name: "age", elementType: "float", dimensions: row),
                ModelSignature.Value(name: "fare", elementType: "float", dimensions: row),
                ModelSignature.Value(name: "colour", elementType: "string", dimensions: row),
                ModelSignature.Value(name: "note", elementType: "string", dimensions: row),
            ], outputs: Self.probabilities)
        model.nanInputs = ["age"]
        model.words = ["colour": ["red", "unknown"]]
        model.classes = ["no", "yes"]
        let columns = [
            Self.column("", .integer, unique: true), Self.column("age", .number, missing: 3), Self.column("fare", .number, missing: 2),
            Self.column("colour", .text, missing: 1),
            Self.column("remark", .text, length: 40), Self.column("bought", .text, values: ["no", "yes"], length: 2),
            Self.column("number", .integer, unique: true, plain: true),
        ]
        let draft = PipelineTemplate.draft(name: "m", model: model, data: Self.sample(columns, rows: 20))
        let schema = try read(draft.text).schema
        #expect(schema.key == ["number"] && schema.keep == ["number"] && schema.types == ["number": .int64])
        #expect(schema.label == .list(["bought"]), "its values are the model's classes")
        #expect(
            schema[input: "colour"]?.missing == .text("unknown") && schema[input: "age"]?.missing == nil
                && schema[input: "fare"]?.missing == nil)
        #expect(schema[input: "note"]?.columns == .list(["remark"]))
        #expect(draft.text.contains("# age is missing in 3 of 20 rows: NaN, which the model handles"), "\(draft.text)")
        #expect(draft.doubts == ["fare: check: fare is missing in 2 of 20 rows, which is an error; `missing:` can be nan or a number"])
    }

    /// Whole numbers go to inputs of integers, and the others to floats; lists, their mask and states are told apart.
    @Test func numbersListsAndStates() throws {
        let mixed = ModelSignature(
            inputs: [
                ModelSignature.Value(name: "cat", elementType: "int64", dimensions: [nil, 2]),
                ModelSignature.Value(name: "num", elementType: "float", dimensions: [nil, 1]),
            ], outputs: [])
        let schema = try read(
            PipelineTemplate.draft(
                name: "m", model: mixed,
                data: Self.sample(
                    [Self.column("late", .number), Self.column("month", .integer), Self.column("carrier", .integer)], rows: 9)
            ).text
        ).schema
        #expect(schema[input: "cat"]?.columns == .list(["month", "carrier"]) && schema[input: "num"]?.columns == .list(["late"]))
        let batch = ModelSignature.Value.Axis.named("batch"), seq = ModelSignature.Value.Axis.named("seq")
        let stateful = ModelSignature(
            inputs: [
                ModelSignature.Value(name: "ids", elementType: "int64", axes: [batch, seq]),
                ModelSignature.Value(name: "ids_mask", elementType: "int64", axes: [batch, seq]),
                ModelSignature.Value(name: "h0", elementType: "float", axes: [.fixed(2), batch, .fixed(8)]),
            ], outputs: [])
        let lists = try read(
            PipelineTemplate.draft(
                name: "m", model: stateful, data: Self.sample([Self.column("ids", .list(lengths: 1...7, isNested: false))], rows: 9)
            ).text
        ).schema
        #expect(lists[input: "ids"]?.pad == .integer(0) && lists[input: "ids"]?.mask == "ids_mask" && lists[input: "ids_mask"] == nil)
        #expect(lists[input: "h0"]?.value?.map(\.text) == ["0"] && lists[input: "h0"]?.batchAxis == 1)
    }

    /// Where rows differ in length, an output with their open axis is a column of lists, which npz does not have.
    @Test(arguments: [(3...7, "hidden", "parquet"), (7...7, "hidden_*", "npz")])
    func outputsOfRaggedRowsAreLists(_ lengths: ClosedRange<Int>, _ column: String, _ format: String) throws {
        let model = ModelSignature(
            inputs: [
                ModelSignature.Value(name: "tokens", elementType: "int64", axes: [.named("N"), .named("T")]),
                ModelSignature.Value(name: "words", elementType: "string", axes: [.named("N"), .named("T")]),
            ],
            outputs: [
                ModelSignature.Value(name: "hidden", elementType: "float", axes: [.named("N"), .named("T"), .fixed(6)]),
                ModelSignature.Value(name: "scores", elementType: "float", dimensions: [nil, 3]),
            ])
        let columns = ["tokens", "words"].map { Self.column($0, .list(lengths: lengths, isNested: false)) }
        let draft = PipelineTemplate.draft(name: "m", model: model, data: Self.sample(columns, rows: 9, form: .json))
        _ = try read(draft.text)
        let lines = draft.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(
            lines.contains { $0.hasPrefix("hidden: \(column) ") } && lines.contains { $0.hasPrefix("scores: scores_* ") }, "\(draft.text)")
        #expect(draft.text.contains("format: \(format) }"))
        #expect(draft.text.contains("words: { columns: [words], pad: \"\" }") == (lengths.count > 1), "\(draft.text)")
    }

    /// A pipeline that is drafted for these rows takes them as it is.
    @Test func spellingsDoubledNamesAndRaggedOutputs() throws {
        let text = ModelSignature.Value(name: "s", elementType: "string", dimensions: [nil, 1])
        func draft(
            _ inputs: [ModelSignature.Value], _ columns: [DataColumn], outputs: [ModelSignature.Value] = Self.probabilities,
            form: DataSample.Form = .csv
        )
            -> String
        {
            PipelineTemplate.draft(
                name: "m", model: ModelSignature(inputs: inputs, outputs: outputs), data: Self.sample(columns, rows: 4, form: form)
            ).text
        }
        for (values, line) in [
            (["false", "true"], "[\"false\", \"true\"]"), (["TRUE"], "[\"FALSE\", \"TRUE\"]"),
            (["False", "true"], "[\"False\", \"True\"]"),
        ] {
            #expect(draft([text], [Self.column("s", .boolean, values: values)]).contains("booleans: \(line)"))
        }
        #expect(
            draft([text], [Self.column("s", .boolean, values: ["false", "true"])], form: .typed).contains("booleans: [\"False\", \"True\"]")
        )
        var day = Self.column("s", .text)
        day.holdsTimes = true
        #expect(draft([text], [day]).contains("times: text"))
        #expect(!draft([text], [day], form: .typed).contains("times:"))
        // Two columns of one name: lint takes the draft, which binds neither of them.
        let doubled = draft([ModelSignature.Value(name: "x", elementType: "float", dimensions: [nil, 2])], Self.numeric(["a", "a"]))
        #expect(try read(doubled).schema[input: "x"]?.columns == nil)
        let ids = ModelSignature.Value(name: "ids", elementType: "int64", axes: [.named("batch"), .named("seq")])
        let state = ModelSignature.Value(name: "state", elementType: "float", axes: [.named("batch"), .named("seq"), .fixed(4)])
        func lists(_ lengths: ClosedRange<Int>) -> String {
            draft([ids], [Self.column("ids", .list(lengths: lengths, isNested: false))], outputs: [state], form: .json)
        }
        #expect(lists(1...3).contains("state: state  ") && !lists(1...3).contains("state_*"))
        #expect(lists(3...3).contains("state: state_*"))
    }

    @Test func threeWordsThatLearningNeedsAreNamed() throws {
        let text = PipelineTemplate.draft(name: "m", model: ModelSignature(inputs: [], outputs: [])).text
        #expect(
            text.contains("# labelled: { path: spool/m/labelled, include: all }") && text.contains("needs spool.labelled and schema.label"))
    }

    /// Whatever a model calls its inputs and a file its columns, the template lints clean.
    @Test func hostileNamesLintClean() throws {
        let names = [
            "a", "true", "~", "", "*", "&x", "a: b", "- c", "# d", "'", "\"", "\\", "\n", "\u{7}", "\u{85}", "\u{E000}", "é ü", "p_*", "{",
            "]", "id", "label", "<<", "1e3",
            "/fc/Gemm_output_0", "!tag", "%", "@", "`", "\t", "null", "x\u{2028}y",
        ]
        let declared = names.map { ModelSignature.Value(name: $0, elementType: "float", dimensions: [nil, 1]) }
        let folder = try TemporaryDirectory("template")
        for columns in [[], Self.numeric(names), Self.numeric(["x1", "x2", "user_id", "target"])] {
            for inputs in [declared, [declared[0]], []] {
                let text = PipelineTemplate.draft(
                    name: "m", model: ModelSignature(inputs: inputs, outputs: declared), data: Self.sample(columns, rows: 5)
                ).text
                let file = try folder.write(text, to: "m.yaml")
                let report = LintReport.lint([file], root: folder.path)
                #expect(report.isClean, "\(report)\n\(text)")
                #expect(report.pipelines.first?.forward?.outputs?.map(\.output) == names)
            }
        }
    }

    @Test(arguments: [
        ("models/digits.onnx", "digits"), ("My Model (v2).onnx", "My-Model-v2"), ("_.onnx", "model"), ("", "model"), ("é.onnx", "e"),
        ("größe (für 模型) v2.onnx", "grosse-fur-mo-xing-v2"), ("---.onnx", "model"),
    ])
    func names(file: String, expected: String) { #expect(PipelineTemplate.name(ofModel: file) == expected) }
}
