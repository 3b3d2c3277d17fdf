import PipelineConfig
import Recipes
import Testing

@Suite struct RevisionTests {
    private static let text = """
        name: digits
        spool: { models: in/models, data: in/data }
        stages: [deserialize, forward: { outputs: { a: a, b: b } }]
        land: { models: out/models, outputs: { path: out/rows, partition_by: [stem] } }
        schema: { key: [id], classes: [x, y], inputs: { p: p_*, q: q }, types: { s: string, t: int64 } }
        # the end
        """

    /// Each row: what is replaced by what, without effect on bytes.
    @Test(arguments: [
        ("digits", "other"), ("in/models", "elsewhere"), ("out/rows", "elsewhere"), ("out/models", "{ path: m, keep: 9 }"),
        ("# the end", "after: delete"), ("# the end", "on_error: { attempts: 9 }"), ("# the end", "limits: { time: 3h }"),
        ("# the end", "settle: { quiet: 9s }"), ("name", "# a note\nname"), ("partition_by: [stem]", "partition_by: stem, format: parquet"),
        ("p: p_*, q: q", "q: [q], p: { columns: p_* }"), ("p: p_*", "p: { columns: p_*, scale: 1 }"), ("key: [id]", "key: id, keep: [id]"),
        ("s: string, t: int64", "t: int64, s: string"), ("deserialize,", "deserialize: {},"),
        ("outputs: { a", "batch_size: auto, outputs: { a"),
        ("a: a", "a: { columns: a }"), ("key: [id]", "key: [id], dialect: { delimiter: \",\", header: true }"),
        ("key: [id]", "key: [id], dialect: { null_words: ['null', 'NULL', NA, N/A, ''] }"),
        ("classes: [x, y]", "classes: ['x', \"y\"]"), ("key: [id]", "key: [id], dialect: { encoding: utf-8, escape: '\"' }"),
    ])
    func isUnchanged(old: String, new: String) throws {
        let changed = Self.text.replacing(old, with: new, maxReplacements: 1)
        #expect(changed != Self.text)
        #expect(try read(changed).revision == read(Self.text).revision)
    }

    /// Each row: what is replaced by what, and every pair of them differs.
    private static let changes = [
        ("", ""), ("[stem]", "[stem], format: csv"), ("[stem]", "[version]"), ("[stem]", "[stem, version]"), ("[stem]", "[version, stem]"),
        ("[id]", "[id, jd]"), ("[id]", "[jd]"), ("[id]", "[id], keep: []"), ("[id]", "[id], keep: [id, x]"),
        ("[id]", "[id], keep: [x, id]"),
        ("[id]", "[id], label: l"), ("[x, y]", "[y, x]"), ("[x, y]", "[\"x 1:y\"]"), ("p_*, q", "p_*, r"), ("p_*", "{ columns: [p_*] }"),
        ("p_*", "{ columns: p_*, scale: 2 }"), ("p_*", "{ columns: p_*, missing: error }"), ("p_*", "{ columns: p_*, missing: nan }"),
        ("[id]", "[id], missing: nan"), ("[id]", "[id], missing: 0"), ("[id]", "[id], missing: \"0\""),
        ("p_*", "{ columns: p_*, booleans: [n, y] }"), ("p_*", "{ columns: p_*, booleans: [y, n] }"),
        ("p_*", "{ columns: p_*, booleans: text }"),
        ("p_*", "{ columns: p_*, times: iso }"), ("p_*", "{ columns: p_*, times: text }"),
        ("p_*", "{ columns: p_*, missing: 0 }"), ("p_*", "{ columns: p_*, missing: \"0\" }"), ("q: q", "q: [q, r]"), ("q: q", "q: [r, q]"),
        ("s: string", "s: bool"), ("s: string, ", ""), ("[id]", "[id], dialect: { delimiter: ; }"),
        ("[id]", "[id], dialect: { quote: none }"),
        ("[id]", "[id], dialect: { header: false }"), ("[id]", "[id], dialect: { header: [a] }"),
        ("[id]", "[id], dialect: { null_words: [] }"), ("[id]", "[id], dialect: { escape: '\\' }"),
        ("[id]", "[id], dialect: { escape: '|' }"),
        ("[id]", "[id], dialect: { encoding: latin-1 }"), ("[id]", "[id], dialect: { encoding: utf-16 }"),
        ("[id]", "[id], dialect: { delimiter: tab, decimal: ',' }"), ("a: a, b: b", "b: b, a: a"), ("a: a", "a: c"), ("a: a, ", ""),
        ("a: a", "a: { columns: a, class: d }"), ("a: a", "a: { columns: a, argmax: d }"), ("a: a", "a: { class: a }"),
        ("outputs: { a", "batch_size: 8, outputs: { a"), ("outputs: { a", "threads: 1, outputs: { a"),
        (", forward: { outputs: { a: a, b: b } }", ", forward"),
    ]

    /// What the ledger keeps of a revision gives that revision back, whatever the pipeline has become since, in each way of writing.
    @Test(
        arguments: changes.map { old, new in old.isEmpty ? text : text.replacing(old, with: new, maxReplacements: 1) } + [trained, quoted])
    func bodyGivesTheRevisionBack(text: String) throws {
        let former = try read(text)
        let edited = try read(Self.trained.replacing("epochs: 7", with: "epochs: 8").replacing("jsonl", with: "npz"))
        let back = try #require(edited.under(revision: former.revision.full, body: former.revisionBody.text), "\(former.revisionBody.text)")
        #expect(back.schema == former.schema && back.stages == former.stages)
        #expect(
            back.land.outputs?.format == former.land.outputs?.format && back.land.outputs?.partitionBy == former.land.outputs?.partitionBy)
        #expect(back.land.outputs?.path == edited.land.outputs?.path && back.name == edited.name)
        // A body is taken for the revision that it is kept for, and for no other.
        #expect(edited.under(revision: edited.revision.full, body: former.revisionBody.text) == nil)
        #expect(edited.under(revision: former.revision.full, body: former.revisionBody.text + "format: csv\n") == nil)
        #expect(edited.under(revision: former.revision.full, body: "") == nil)
    }

    private static let trained = """
        name: trained
        spool: { models: m, labelled: l, data: d }
        stages:
          - deserialize
          - optimize:
              gradient:
                loss: { cross_entropy: { label_smoothing: 0.1, class_weights: [1.0, 2.5, 1e-3] } }
                optimizer: { adamw: { learning_rate: 1.0e-3, betas: [0.8, 0.99] } }
                schedule: { step: { warm_up: 3, every: 2, factor: 0.5 } }
                epochs: 7
                clip_norm: 1.
                freeze: ["*.bias", "onnx::Conv_[0-9]*"]
                adapters: { rank: 2, targets: ["*attn*"], merge: false }
              gate: { metric: accuracy, drop_at_most: 0.005 }
          - forward: { batch_size: 64, outputs: { scores: { columns: "p *", class: "a, b", batch_axis: 1 } } }
        land: { models: v, outputs: { path: o, format: jsonl, partition_by: [version, stem] } }
        schema:
          label: y
          classes: ["1", "true", "null"]
        """

    private static let quoted = #"""
        name: quoted
        spool: { models: m, data: d }
        stages: [deserialize: ~, forward]
        land: { models: v, outputs: o }
        schema:
          key: "a: b"
          keep: ["- x", "#y", "'z'", '"w"', "back\\slash", "tab\tand\nline", "Grüße 😀", " "]
          inputs:
            "in, put": { columns: ["{x}", "[y]", yes, "null", "1"], missing: "0" }
            other:
            number: { value: 16000 }
            text: { value: "16000" }
          types: { "true": string }
          dialect: { delimiter: ";", quote: "'", header: [a b, "c\\d"], null_words: ["", "~", .] }
        """#

    @Test func eachChangeOfBytesIsARevisionOfItsOwn() throws {
        var seen: [Revision: String] = [:]
        for (old, new) in Self.changes {
            let changed = old.isEmpty ? Self.text : Self.text.replacing(old, with: new, maxReplacements: 1)
            let revision = try read(changed).revision
            #expect(seen.updateValue(changed, forKey: revision) == nil, "\(old) -> \(new)")
        }
    }

    @Test func isPinned() throws {
        let revision = try read(base).revision
        // SHA-256 of "millrace revision 2\nstage 11:deserialize\nstage 7:forward\n"
        #expect(revision.full == "8a57dca5b25adad2f3c60d2923686467073cd39ed1d1545a01ca7d806d02751b")
        #expect(revision.short == String(revision.full.prefix(12)))
        // The same with "millrace revision 1".
        #expect(try read(base).formerRevision.full == "34bb5c2dda2138c89f2d8425cca1bfdb1c8b7737e6f4d8467cf2a968959f3b45")
    }
}
