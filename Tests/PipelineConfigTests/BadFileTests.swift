import Recipes
import Testing

/// Each row: a whole file, and what is said of it, each without the file's name.
@Suite struct BadFileTests {
    @Test(
        arguments: [
            ("", ["1:1: the file says nothing; write at least `name`, `spool`, `stages` and `land`"]),
            ("\n# only a comment\n", ["1:1: the file says nothing; write at least `name`, `spool`, `stages` and `land`"]),
            ("---\n", ["1:1: the file says nothing; write at least `name`, `spool`, `stages` and `land`"]),
            (
                "name\n",
                [
                    """
                    1:1: `name` stands where a mapping belongs; \
                    give it keys: name, spool, order, settle, schema, stages, land, after, archive, allow_upstream_delete, on_error, \
                    limits, on_input_deleted, notify, retain, trust, was, privacy
                    """
                ]
            ),
            (
                "- a\n",
                [
                    """
                    1:1: a list stands where a mapping belongs; \
                    give it keys: name, spool, order, settle, schema, stages, land, after, archive, allow_upstream_delete, on_error, \
                    limits, on_input_deleted, notify, retain, trust, was, privacy
                    """
                ]
            ),
            (
                "nme: x\nspol: { models: m, data: d }\nstages: [deserialize, forward]\nland: { models: a, outputs: b }\n",
                ["1:1: nme: there is no such key; did you mean `name`?", "2:1: spol: there is no such key; did you mean `spool`?"]
            ),
            (
                "name: x\nspool: { model: m, dta: d }\nstages: [deserialize, forward]\nland: { models: a, output: b }\n",
                [
                    "2:10: spool.model: there is no such key; did you mean `models`?",
                    "2:20: spool.dta: there is no such key; did you mean `data`?",
                    "4:20: land.output: there is no such key; did you mean `outputs`?",
                ]
            ),
            (
                "name: x\n",
                [
                    "1:1: spool: missing; say where models and data arrive: spool: { models: FOLDER, data: FOLDER }",
                    "1:1: stages: missing; list what is done, like [deserialize, forward]",
                ]
            ),
            (
                "name: x\nspool: { data: a }\nstages: []\n",
                [
                    "2:1: spool: no model can arrive; add the folder where models arrive: models: FOLDER",
                    "3:9: stages: there are no stages; list what is done, like [deserialize, forward]",
                ]
            ),
            (
                """
                name: a b
                spool: { models: [a], data: { include: '*.csv' } }
                stages: [forward, deserialize, forward]
                land: { models: { keep: 0 }, outputs: { path: o, format: parqet, partition_by: [day, stem, stem], compression: zstd } }

                """,
                [
                    """
                    1:7: name: "a b" cannot name a pipeline; write letters, digits, - and _, beginning with a letter or digit, at most 64
                    """,
                    "2:18: spool.models: a list stands where a mapping belongs; give it keys: path, include, watch",
                    "2:29: spool.data.path: missing; name the folder to watch",
                    "3:10: stages[0].forward: it takes a model, and what arrives is a serialized model; put `- deserialize: {}` before it",
                    """
                    3:19: stages[1].deserialize: it takes a serialized model, and what forward gives is a table; \
                    keep one deserialize, as the first stage
                    """,
                    "4:17: land.models.path: missing; name the folder for model versions",
                    "4:25: land.models.keep: 0 is out of range; write a number from 1 to 1000000",
                    "4:58: land.outputs.format: `parqet` is none of parquet, arrow, csv, jsonl, npy, npz; did you mean `parquet`?",
                    "4:80: land.outputs.partition_by: `stem` stands twice; remove one of them",
                    "4:81: land.outputs.partition_by[0]: `day` is none of arrival_date, version, stem; write one of them",
                    "4:99: land.outputs.compression: not implemented in this version; remove it",
                ]
            ),
            (
                "name: x\nspool: { models: m, data: d }\nstages:\n  - deserialize: {}\n    forward: {}\nland: { models: a, outputs: b }\n",
                [
                    """
                    5:5: stages[0]: a stage has one key, and this one has deserialize, forward; \
                    begin each stage with `- `, and indent its keys below it
                    """
                ]
            ),
            (
                "name: x\nspool: { models: m, data: d }\nstages: [deserialise, forward]\nland: { models: a, outputs: b }\n",
                ["3:10: stages[0]: `deserialise` is none of deserialize, optimize, forward; did you mean `deserialize`?"]
            ),
            (
                "name: x\nspool: { models: m, data: d }\nstages: [deserialize]\nland: { models: a, outputs: b }\n",
                [
                    "2:27: spool.data: data arrives and no stage uses it; add `- forward: {}` to the stages, or remove it",
                    "4:29: land.outputs: no stage gives outputs; add `- forward: {}` to the stages, or remove it",
                ]
            ),
            (
                "name: x\nspool: { models: m }\nstages: [deserialize, forward]\nland: { models: a }\n",
                [
                    "3:23: stages[1].forward: forward has no data to run on; add spool: { data: FOLDER }, or remove the stage",
                    "3:23: stages[1].forward: what forward gives lands nowhere; add land: { outputs: FOLDER }",
                ]
            ),
            (
                "name: x\nspool: { models: m, data: d }\nstages: [deserialize, forward]\n",
                [
                    "2:18: spool.models: models arrive and land nowhere; add land: { models: FOLDER }",
                    "3:23: stages[1].forward: what forward gives lands nowhere; add land: { outputs: FOLDER }",
                ]
            ),
            (
                "name: x\nspool: { data: d }\nstages: [deserialize, forward]\nland: { outputs: b }\n",
                ["2:1: spool: no model can arrive; add the folder where models arrive: models: FOLDER"]
            ),
            (
                """
                name: x
                spool: { models: m, data: { path: d, include: [*.csv] } }
                stages: [deserialize, forward]
                land: { models: a, outputs: b }

                """,
                ["2:48: a `*` without quotes begins a YAML alias, and none has this name; put a pattern that begins with `*` in quotes"]
            ),
            (
                """
                name: x
                spool: { models: m, data: { path: d, include: ["*.cvs", "*.txt", "../*.csv", "*", "*.gz", "p*"] } }
                stages: [deserialize, forward]
                land: { models: a, outputs: b }

                """,
                [
                    "2:47: spool.data.include: \"*.cvs\" takes files of no format that is read here; did you mean \"*.csv\"?",
                    """
                    2:47: spool.data.include: "*.txt" takes files of no format that is read here; \
                    the formats are csv, csv.gz, csv.zst, tsv, tsv.gz, tsv.zst, jsonl, jsonl.gz, jsonl.zst, ndjson, ndjson.gz, ndjson.zst, \
                    json, json.gz, json.zst, parquet, pq, arrow, arrows, feather, ipc, npy, npz
                    """,
                    "2:47: spool.data.include: \"../*.csv\" leads out of the spool; write a pattern for names below it, like \"*.csv\"",
                ]
            ),
            (
                """
                name: x
                spool: { models: m, data: { path: d, include: [*csv] } }
                stages: [deserialize, forward]
                land: { models: a, outputs: b }

                """,
                ["2:48: a `*` without quotes begins a YAML alias, and none has this name; put a pattern that begins with `*` in quotes"]
            ),
            (
                """
                name: x
                spool: { models: m, data: { path: d, include: [], watch: pol } }
                stages: [deserialize, forward]
                land: { models: a, outputs: b }

                """,
                [
                    "2:47: spool.data.include: an empty list takes no file; write `all` to take every format",
                    "2:58: spool.data.watch: `pol` is none of auto, inotify, poll; did you mean `poll`?",
                ]
            ),
            (
                """
                name: x
                spool: { models: m, data: d, labelled: l }
                stages:
                  - deserialize: { strict: true }
                  - optimize: {}
                  - optimize:
                  - optimize: { gradeint: {}, gate: { metric: accuracy } }
                  - forward: { batch_size: atuo, threads: 0, \
                outputs: { p: 'p_**', q: {}, r: { class: c }, s: { argmax: 'c*' }, t: 5, u: 5 } }
                  - 7
                  -\u{20}
                land: { models: a, outputs: { path: b, format: npy } }

                """,
                [

                    "4:20: stages[0].deserialize.strict: there is no such key; this takes no keys",
                    """
                    5:5: stages[1].optimize: neither gradient nor graph nor precision; \
                    say how, like gradient: { loss: cross_entropy }, or precision: auto
                    """,
                    """
                    6:5: stages[2].optimize: an optimize stage without anything to do; \
                    say how, like gradient: { loss: cross_entropy }, or precision: auto
                    """,
                    "7:17: stages[3].optimize.gradeint: there is no such key; did you mean `gradient`?",
                    """
                    8:28: stages[4].forward.batch_size: `atuo` is neither auto nor a whole number; write auto, or a number of rows like 256
                    """,
                    "8:43: stages[4].forward.threads: 0 is out of range; write a number from 1 to 1024",
                    "8:60: stages[4].forward.outputs.p: \"p_**\" cannot name output columns; write a name, or one with a single * like p_*",
                    """
                    8:68: stages[4].forward.outputs.q: no column is named for this output; \
                    write columns, class or argmax, or leave the output out
                    """,
                    """
                    8:87: stages[4].forward.outputs.r.class: the class has no name without `schema.classes`; \
                    name the classes there, or write argmax for the position
                    """,
                    "8:105: stages[4].forward.outputs.s.argmax: \"c*\" cannot name one column; write a name without *",
                    """
                    8:122: stages[4].forward.outputs.u: the column "5" comes from stages[4].forward.outputs.t too; \
                    give each output column a name of its own
                    """,
                    "9:5: stages[5]: `7` is none of deserialize, optimize, forward; write one of them",
                    "10:4: stages[6]: nothing is not a stage; write a stage, like deserialize: {}",
                    "11:48: land.outputs.format: npy holds one array, and 3 are asked for; name one output, or use npz",
                ]
            ),
            (
                """
                name: x
                spool: { models: m, data: d }
                schema: { key: id }
                stages:
                  - deserialize:
                  - forward: { batch_size: 2.5, outputs: { p: 'p_*', q: { columns: q, argmax: r } } }
                land: { models: a, outputs: { path: b, format: npy } }

                """,
                [
                    """
                    6:28: stages[1].forward.batch_size: `2.5` is neither auto nor a whole number; write auto, or a number of rows like 256
                    """,
                    """
                    7:48: land.outputs.format: npy holds one array, and there are kept columns (id); write `keep: []` in schema, or use npz
                    """,
                    "7:48: land.outputs.format: npy holds one array, and 3 are asked for; name one output, or use npz",
                ]
            ),
            (
                """
                name: x
                spool: { models: m, data: d }
                stages: [deserialize, forward: { outputs: {} }, forward]
                land: { models: a, outputs: { path: b } }

                """,
                [
                    "3:43: stages[1].forward.outputs: no output is named; name at least one, or leave `outputs` out for all of them",
                    "3:49: stages[2].forward: it takes a model, and what forward gives is a table; keep one forward, as the last stage",
                ]
            ),
            (
                """
                name: x
                spool: { models: m, data: d }
                stages: { deserialize: {}, forward: {} }
                land: { models: a, outputs: { path: b } }

                """,
                ["3:9: stages: a mapping stands where a list belongs; list what is done, like [deserialize, forward]"]
            ),
            (
                "name: x # it's *fine* é\nspool: ' *a *b'\n",
                [
                    "1:1: stages: missing; list what is done, like [deserialize, forward]",
                    "2:8: spool: the text \" *a *b\" stands where a mapping belongs; give it keys: models, labelled, data",
                ]
            ),
        ] as [(String, [String])])
    func isRefused(text: String, expected: [String]) { #expect(problems(text) == expected.map { "p.yaml:" + $0 }) }
}
