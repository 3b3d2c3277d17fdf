import PipelineConfig
import Recipes
import Testing

@Suite struct PipelineTests {
    private static let tables = [
        "*.csv", "*.csv.gz", "*.csv.zst", "*.jsonl", "*.jsonl.gz", "*.jsonl.zst", "*.parquet", "*.arrow", "*.npy", "*.npz",
    ]

    @Test func defaults() throws {
        let pipeline = try read(base)
        #expect(pipeline.name == "digits")
        #expect(pipeline.source == "p.yaml")
        #expect(pipeline.spool.models == SpoolEntry(path: "/srv/in/models", include: ["*.onnx"], watch: .auto))
        #expect(pipeline.spool.labelled == nil)
        #expect(pipeline.spool.data == SpoolEntry(path: "/srv/in/data", include: Self.tables, watch: .auto))
        #expect(pipeline.settle == Settle(quiet: .seconds(2), giveUp: .seconds(600)))
        #expect(pipeline.schema == RowSchema())
        #expect(pipeline.schema.key == [] && pipeline.schema.keep == [] && pipeline.schema.inputs == [] && pipeline.schema.types == [:])
        #expect(pipeline.schema.label == nil && pipeline.schema.weight == nil && pipeline.schema.classes == nil)
        let dialect = pipeline.schema.dialect
        #expect(dialect.delimiter == UInt8(ascii: ",") && dialect.quote == UInt8(ascii: "\"") && dialect.decimal == UInt8(ascii: "."))
        #expect(
            dialect.header == .likely && dialect.escape == nil && dialect.encoding == .utf8
                && dialect.nullWords == ["", "NA", "N/A", "NULL", "null"])
        #expect(
            pipeline.stages == [.deserialize(DeserializeStage()), .forward(ForwardStage(batchSize: .auto, threads: nil, outputs: nil))])
        #expect(pipeline.land.models == ModelLanding(path: "/srv/out/models", keep: 5))
        #expect(pipeline.land.outputs == OutputLanding(path: "/srv/out/rows", format: .parquet, partitionBy: []))
        #expect(pipeline.after == .keep)
        #expect(!pipeline.allowUpstreamDelete)
        #expect(pipeline.onError == OnError(attempts: 3, backoff: .seconds(2), quarantine: "/srv/quarantine/digits"))
        #expect(pipeline.limits == Limits(time: nil))
    }

    @Test func everyKey() throws {
        let pipeline = try read(
            """
            name: d-1_A
            spool:
              models: { path: /abs/models/, include: "*.onnx", watch: poll }
              data: { path: ./in//x/../data, include: ["a_*.csv", "sub/*.parquet", "*", "*.gz"], watch: inotify }
            settle: { quiet: 0s, give_up: 1h30m }
            schema:
              key: id
              label: digit
              weight: sure
              classes: [0, "1", no]
              inputs:
                pixels: { columns: "pixel_*", scale: 0.0625, missing: nan }
                age: years
                both: { columns: [a, "b_*"], scale: 1, missing: 0 }
                city: { columns: city, missing: "unknown" }
                rate: { missing: 1.5e-3 }
                vip: { booleans: [False, "True"], times: iso }
                note: { booleans: text, times: text }
                plain:
              missing: nan
              keep: [id, zip]
              types: { zip: string, n: int64 }
              dialect: { delimiter: tab, quote: none, header: [id, zip], null_words: ["-"], decimal: "," }
            stages:
              - deserialize:
              - forward:
                  batch_size: 256
                  threads: 2
                  outputs:
                    probabilities: { columns: p_*, class: predicted, argmax: index }
                    score: s
            land:
              models: { path: out/m, keep: 1 }
              outputs: { path: out/o, format: jsonl, partition_by: [version, arrival_date] }
            after: archive
            archive: done
            allow_upstream_delete: true
            on_error: { attempts: 1, backoff: 500ms, quarantine: bad }
            limits: { time: 2d, load_time: 90s, memory: 512MiB, open_files: 99 }
            """)
        #expect(pipeline.spool.models == SpoolEntry(path: "/abs/models", include: ["*.onnx"], ignoresSuffixCase: true, watch: .poll))
        #expect(
            pipeline.spool.data
                == SpoolEntry(
                    path: "/srv/in/data", include: ["a_*.csv", "sub/*.parquet", "*", "*.gz"], ignoresSuffixCase: true, watch: .inotify))
        #expect(pipeline.settle == Settle(quiet: .zero, giveUp: .seconds(5400)))
        #expect(
            pipeline.schema
                == RowSchema(
                    key: ["id"], label: .list(["digit"]), weight: "sure", classes: ["0", "1", "no"],
                    inputs: [
                        InputSchema(name: "pixels", columns: .pattern("pixel_*"), scale: 0.0625, missing: .nan),
                        InputSchema(name: "age", columns: .list(["years"])),
                        InputSchema(name: "both", columns: .list(["a", "b_*"]), scale: 1, missing: .integer(0)),
                        InputSchema(name: "city", columns: .list(["city"]), missing: .text("unknown")),
                        InputSchema(name: "rate", missing: .number(0.0015)),
                        InputSchema(name: "vip", booleans: .words(no: "False", yes: "True"), times: .iso),
                        InputSchema(name: "note", booleans: .text, times: .text),
                        InputSchema(name: "plain"),
                    ], keep: ["id", "zip"], types: ["zip": .string, "n": .int64],
                    dialect: TextDialect(
                        delimiter: UInt8(ascii: "\t"), quote: nil, header: .absent(names: ["id", "zip"]), nullWords: ["-"],
                        decimal: UInt8(ascii: ",")), missing: .nan))
        #expect(pipeline.schema[input: "age"]?.columns == .list(["years"]))
        #expect(
            pipeline.forward
                == ForwardStage(
                    batchSize: .rows(256), threads: 2,
                    outputs: [
                        OutputMapping(output: "probabilities", columns: "p_*", classColumn: "predicted", argmaxColumn: "index"),
                        OutputMapping(output: "score", columns: "s"),
                    ]))
        #expect(pipeline.land.models == ModelLanding(path: "/srv/out/m", keep: 1))
        #expect(pipeline.land.outputs == OutputLanding(path: "/srv/out/o", format: .jsonl, partitionBy: [.version, .arrivalDate]))
        #expect(pipeline.after == .archive(path: "/srv/done") && pipeline.allowUpstreamDelete)
        #expect(pipeline.onError == OnError(attempts: 1, backoff: .milliseconds(500), quarantine: "/srv/bad"))
        #expect(
            pipeline.limits
                == Limits(time: .seconds(2 * 86_400), loadTime: .seconds(90), memory: 512 << 20, openFiles: 99))
        #expect(
            CanonicalPaths.folders(of: pipeline) == ["/abs/models", "/srv/bad", "/srv/done", "/srv/in/data", "/srv/out/m", "/srv/out/o"])
    }

    @Test func keyColumnsAreKeptUnlessSaidOtherwise() throws {
        #expect(try read(base + "schema: { key: [a, b] }").schema.keep == ["a", "b"])
        #expect(try read(base + "schema: { key: [a, b], keep: [c] }").schema.keep == ["c"])
        #expect(try read(base + "schema: { key: [a, b], keep: [] }").schema.keep == [])
    }

    @Test func modelsAloneNeedNoForward() throws {
        let pipeline = try read("name: m\nspool: { models: a }\nstages: [deserialize]\nland: { models: b }\n")
        #expect(pipeline.spool.data == nil && pipeline.land.outputs == nil && pipeline.forward == nil)
    }

    @Test func anchorsAndMerges() throws {
        let text = """
            name: digits
            spool:
              models: &entry { path: in/models, watch: poll }
              data: { <<: *entry, path: in/data }
            stages: [deserialize, forward]
            land: { models: out/models, outputs: out/rows }
            schema: { key: &id [id], keep: *id }
            """
        let pipeline = try read(text)
        #expect(pipeline.spool.data?.path == "/srv/in/data" && pipeline.spool.data?.watch == .poll)
        #expect(pipeline.schema.keep == ["id"])
    }

    /// What the format plans and this version lacks is refused by name, and nothing else is said of the rest.
    @Test func theFullExample() {
        let text = """
            name: digits
            spool:
              models:   { path: spool/digits/models,   include: ["*.onnx"] }
              labelled: { path: spool/digits/labelled, include: ["*.csv", "*.parquet"] }
              data:     { path: spool/digits/data,     include: ["*.csv", "*.parquet", "*.jsonl", "*.npy"] }
            settle: { quiet: 2s, give_up: 10m }
            schema:
              key: [id]
              classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
              inputs:                       # model input <- columns; left out, columns bind to inputs by name,
                pixels: { columns: "pixel_*", scale: 0.0625 }   # or the only input takes all numeric columns
              label: digit
              keep: [id]                    # columns carried through to the output
            stages:
              - deserialize: {}             # parse, check, shape-infer, refuse what is unsafe
              - optimize:                   # gradient descent, when labelled data arrives
                  gradient:
                    loss: cross_entropy
                    optimizer: { adamw: { learning_rate: 1.0e-3, weight_decay: 0.01 } }
                    epochs: 8
                    batch_size: 64
                    schedule: cosine
                    clip_norm: 1.0
                    validation: 0.2
                    freeze: ["conv1.*"]
                    seed: 7
              - optimize:                   # for the machine it will run on
                  graph: [fold_constants, fuse_batch_norm, remove_identities]
                  precision: auto           # float32 | float16 | int8 | auto: measure them and keep the fastest
                  gate: { metric: accuracy, drop_at_most: 0.005 }   # that passes the gate
              - forward: { batch_size: auto, outputs: { probabilities: p_* } }
            land:
              models:  { path: out/digits/models, keep: 5 }
              outputs: { path: out/digits/predictions, format: parquet, partition_by: [arrival_date] }
            after: keep                     # keep | archive | delete
            on_error: { attempts: 3, backoff: 2s, quarantine: spool/digits/quarantine }
            limits: { memory: 4GiB, time: 30m }
            """
        #expect(problems(text) == [])
    }

    /// The doc comment's list, so that it cannot rot: every planned key is refused wherever it may stand.
    @Test(arguments: NotImplemented.keys) func isRefusedByName(key: String) throws {
        let parts = key.replacing("[]", with: "").split(separator: ".").map(String.init)
        let text: String =
            switch parts[0] {
            case "stages":
                base.replacing("[deserialize, forward]", with: "[deserialize, \(parts[1]): { \(parts[2]): 1 }, forward]")
            case "spool": base.replacing("data: in/data", with: "data: in/data, \(parts[1]): x")
            case "land": base.replacing("outputs: out/rows", with: "outputs: { path: out/rows, \(parts[2]): 1 }")
            default: base + (parts.count == 1 ? "\(parts[0]): 1\n" : "\(parts[0]): { \(parts[1]): 1 }\n")
            }
        let found = problems(text)
        try #require(found.count == 1 && found[0].hasSuffix("not implemented in this version; remove it"))
        #expect(found[0].contains(": \(key.replacing("[]", with: "[1]")): "))
    }

    /// No damage to a file makes the reader stop without an answer.
    @Test func damagedTextIsReadOrRefused() throws {
        let bytes = Array((base + "schema: { key: [id], inputs: { x: \"a_*\" } }\nsettle:\n  quiet: 2s\n").utf8)
        var refused = 0
        for place in bytes.indices {
            for change: UInt8? in [nil, UInt8(ascii: "{"), UInt8(ascii: "\n"), UInt8(ascii: "*"), UInt8(ascii: "\""), 0xC3, 0] {
                var damaged = bytes
                if let change { damaged[place] = change } else { damaged.remove(at: place) }
                refused += problems(bytes: damaged).isEmpty ? 0 : 1
            }
        }
        #expect(refused > bytes.count * 4)
    }

    @Test func escapeAndEncoding() throws {
        let pipeline = try read(base + "schema: { dialect: { escape: '\\', encoding: windows-1252, header: true } }\n")
        #expect(pipeline.schema.dialect == TextDialect(escape: UInt8(ascii: "\\"), encoding: .windows1252, header: .present))
    }

    /// A pipeline without patterns takes the same names as before; `all` and patterns take every name of every format.
    @Test func whatIncludeTakes() throws {
        func data(_ text: String) throws -> SpoolEntry? {
            try read("name: x\nspool: { models: m, data: \(text) }\nstages: [deserialize, forward]\nland: { models: a, outputs: b }\n")
                .spool.data
        }
        #expect(
            try data("d")?.include == Self.tables && data("d")?.ignoresSuffixCase == false
                && data("{ path: d }")?.ignoresSuffixCase == false)
        let all = try #require(try data("{ path: d, include: all }"))
        #expect(
            all.ignoresSuffixCase
                && Set(all.include).isSuperset(
                    of: Self.tables + ["*.json", "*.ndjson.gz", "*.tsv", "*.feather", "*.pq", "*.ipc", "*.arrows"])
        )
        #expect(try data("{ path: d, include: [\"*.json\", \"*.TSV\", \"*.pq\"] }")?.include == ["*.json", "*.TSV", "*.pq"])
    }
}
