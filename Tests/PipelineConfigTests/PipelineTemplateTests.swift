import PipelineConfig
import TestSupport
import Testing

@Suite struct PipelineTemplateTests {
    private static func numeric(_ names: [String]) -> [DataColumn] { names.map { DataColumn(name: $0, isNumeric: true) } }

    private static let probabilities = [
        ModelPort(name: "label", elementType: "int64", dimensions: [nil]),
        ModelPort(name: "probabilities", elementType: "float", dimensions: [nil, 10]),
    ]

    @Test func digits() throws {
        let text = PipelineTemplate.render(
            name: "digits", inputs: [ModelPort(name: "pixels", elementType: "float", dimensions: [nil, 1, 8, 8])],
            outputs: Self.probabilities,
            columns: Self.numeric(["id"] + (0..<64).map { "pixel_\($0)" } + ["digit", "label"]))
        #expect(
            text == """
                name: digits
                spool:                                            # files dropped here are taken once they are complete
                  models: { path: spool/digits/models, include: all }  # *.onnx, in any case
                  data: { path: spool/digits/data, include: all }  # csv, tsv, json, jsonl, ndjson (also .gz, .zst), parquet, pq, arrow, feather, ipc, npy, npz
                schema:                                           # how columns become inputs
                  key: [id]                                       # names a row; kept in the outputs
                  label: label                                    # never a feature
                  inputs:                                         # model input: columns
                    pixels: pixel_*                               # float [N, 1, 8, 8]
                stages:
                  - deserialize: {}                               # parse, check, refuse what is unsafe
                  # - optimize: { gradient: { loss: cross_entropy } }  learns from files in spool.labelled, where schema.label is right
                  - forward:
                      batch_size: auto                            # rows at a time; or a number
                      outputs:                                    # model output: column, or name_* for one column an element
                        label: label                              # int64 [N]
                        probabilities: probabilities_*            # float [N, 10]
                land:
                  models: { path: out/digits/models, keep: 5 }    # versions kept
                  outputs: { path: out/digits/predictions, format: parquet }  # parquet, arrow, csv, jsonl, npy, npz
                after: keep                                       # inputs stay; or archive, delete
                on_error: { attempts: 3, backoff: 2s }            # what fails for good goes to quarantine/digits

                """)
        let pipeline = try read(text)
        #expect(pipeline.schema[input: "pixels"]?.columns == .pattern("pixel_*"))
    }

    /// Each row: inputs, columns, and what the schema says of them.
    @Test(
        arguments: [
            ([("x", "float", 4)], ["a", "b", "c", "d"], nil, "# x, float [N, 4]: all numeric columns"),
            ([("x", "float", 4)], ["a", "b", "c"], nil, "# x, float [N, 4]: takes 4 columns; say which"),
            ([("x", "float", nil)], ["a", "b", "c"], nil, "# x, float [N, N]: all numeric columns"),
            ([("age", "float", 1), ("fare", "float", 1)], ["age", "fare", "z"], nil, "# age, float [N, 1]: the column of that name"),
            ([("x", "float", 2), ("age", "float", 1)], ["age", "u", "v"], .list(["u", "v"]), "x: [u, v]"),
            ([("x", "float", 3)], ["f1", "f2", "f3", "g1"], .pattern("f*"), "x: f*"),
            ([("x", "float", 2)], ["f1", "f2", "fx"], nil, "takes 2 columns"),
            ([("x", "float", 3)], [], nil, "takes 3 columns"),
            ([("no: \"x\"\n", "float", 2)], ["a b", "c"], nil, "\"no: \\\"x\\\"\\n\""),
        ] as [([(String, String, Int?)], [String], ColumnSelector?, String)])
    func bindings(ports: [(String, String, Int?)], columns: [String], expected: ColumnSelector?, line: String) throws {
        let inputs = ports.map { ModelPort(name: $0.0, elementType: $0.1, dimensions: [nil, $0.2]) }
        let text = PipelineTemplate.render(name: "m", inputs: inputs, outputs: Self.probabilities, columns: Self.numeric(columns))
        let pipeline = try read(text)
        #expect(pipeline.schema[input: ports[0].0]?.columns == expected)
        #expect(text.contains(line), "\(text)")
    }

    /// Whatever a model calls its ports and a file its columns, the template lints clean.
    @Test func hostileNamesLintClean() throws {
        let names = [
            "a", "true", "~", "", "*", "&x", "a: b", "- c", "# d", "'", "\"", "\\", "\n", "\u{7}", "\u{85}", "\u{E000}", "é ü", "p_*", "{",
            "]", "id", "label", "<<", "1e3",
            "/fc/Gemm_output_0", "!tag", "%", "@", "`", "\t", "null", "x\u{2028}y",
        ]
        let ports = names.map { ModelPort(name: $0, elementType: "float", dimensions: [nil, 1]) }
        let folder = try TemporaryDirectory("template")
        for columns in [[], Self.numeric(names), Self.numeric(["x1", "x2", "user_id", "target"])] {
            for inputs in [ports, [ports[0]], []] {
                let text = PipelineTemplate.render(name: "m", inputs: inputs, outputs: ports, columns: columns)
                let file = try folder.write(text, to: "m.yaml")
                let report = LintReport.lint([file], root: folder.path)
                #expect(report.isClean, "\(report)\n\(text)")
                #expect(report.pipelines.first?.forward?.outputs?.map(\.output) == names)
            }
        }
    }

    @Test(arguments: [
        ("models/digits.onnx", "digits"), ("My Model (v2).onnx", "My-Model--v2-"), ("_.onnx", "model"), ("", "model"), ("é.onnx", "model"),
    ])
    func names(file: String, expected: String) { #expect(PipelineTemplate.name(ofModel: file) == expected) }
}
