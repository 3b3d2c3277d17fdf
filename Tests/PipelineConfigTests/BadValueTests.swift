import Recipes
import Testing

/// Each row: lines below `base`, and what is said of them, each without the file's name.
@Suite struct BadValueTests {
    @Test(
        arguments: [
            ("afetr: keep", ["5:1: afetr: there is no such key; did you mean `after`?"]),
            (
                "colour: red",
                [
                    """
                    5:1: colour: there is no such key; \
                    the keys here are name, spool, order, settle, schema, stages, land, after, archive, allow_upstream_delete, on_error, \
                    limits, on_input_deleted, notify, retain, trust, was, privacy
                    """
                ]
            ),
            ("settle: { quite: 2s }", ["5:11: settle.quite: there is no such key; did you mean `quiet`?"]),
            ("spool: { data: x }", ["5:1: spool: the key stands twice in one mapping, first in line 2; remove one of them"]),
            ("settle: 2s", ["5:9: settle: `2s` stands where a mapping belongs; give it keys: quiet, give_up"]),
            ("after: [keep]", ["5:8: after: a list stands where one word belongs; write one of keep, archive, delete"]),
            ("after: archve", ["5:8: after: `archve` is none of keep, archive, delete; did you mean `archive`?"]),
            ("after: archive", ["5:1: archive: missing; `after: archive` needs a folder: archive: archive/NAME"]),
            (
                "after: delete\narchive: a",
                ["6:10: archive: there is an archive, but nothing is archived; write `after: archive`, or remove it"]
            ),
            ("limits: { time: 30 }", ["5:17: limits.time: `30` has no unit; write a number with ms, s, m, h or d, like 2s or 1h30m"]),
            (
                "limits: { time: soon }",
                ["5:17: limits.time: `soon` is not a duration; write a number with ms, s, m, h or d, like 2s or 1h30m"]
            ),
            ("limits: { time: 0s }", ["5:17: limits.time: 0s is out of range; write at least 1ms and at most 365d"]),
            (
                "limits: { time: [1s] }",
                ["5:17: limits.time: a list is not a duration; write a number with ms, s, m, h or d, like 2s or 1h30m"]
            ),
            ("limits: { load_time: 0s }", ["5:22: limits.load_time: 0s is out of range; write at least 1ms and at most 365d"]),
            ("limits: { memory: 4 }", ["5:19: limits.memory: `4` has no unit; write one, like 512MiB or 4GiB"]),
            ("limits: { memory: much }", ["5:19: limits.memory: `much` is not a size; write one, like 512MiB or 4GiB"]),
            ("limits: { memory: 1MiB }", ["5:19: limits.memory: 1MiB is out of range; write at least 64MiB"]),
            ("limits: { open_files: 3 }", ["5:23: limits.open_files: 3 is out of range; write a number from 32 to 1000000"]),
            ("order: strict", ["5:8: order: there are no labels that data could wait for; remove it, or add spool.labelled"]),
            ("on_error: { attempts: three }", ["5:23: on_error.attempts: `three` is not a whole number; write one, like 1"]),
            ("on_error: { attempts: \"3\" }", ["5:23: on_error.attempts: the text \"3\" is not a whole number; write 3 without quotes"]),
            ("on_error: { attempts: 0 }", ["5:23: on_error.attempts: 0 is out of range; write a number from 1 to 100"]),
            ("on_error: { attempts: 2.5 }", ["5:23: on_error.attempts: `2.5` is not a whole number; write one, like 1"]),
            (
                "on_error: { backoff: -1s }",
                ["5:22: on_error.backoff: `-1s` is not a duration; write a number with ms, s, m, h or d, like 2s or 1h30m"]
            ),
            (
                "on_error: { quarantine: ~/bad }",
                ["5:25: on_error.quarantine: `~` is not expanded; write the path in full, or relative to the root"]
            ),
            (
                "on_error: { quarantine: \"$HOME/q\" }",
                ["5:25: on_error.quarantine: variables are not expanded; write the path in full, or relative to the root"]
            ),
            ("on_error: { quarantine: / }", ["5:25: on_error.quarantine: this is the root of the file system; write a folder below it"]),
            ("on_error: { quarantine: [a] }", ["5:25: on_error.quarantine: a list stands where a text belongs; write one text"]),
            (
                "on_error: { quarantine: \"\" }",
                ["5:25: on_error.quarantine: the path is empty; write a folder, relative to the root or absolute"]
            ),
            (
                "allow_upstream_delete: yes",
                ["5:24: allow_upstream_delete: `yes` is neither true nor false; write true or false, without quotes"]
            ),
            (
                "allow_upstream_delete: \"true\"",
                ["5:24: allow_upstream_delete: the text \"true\" is neither true nor false; write true or false, without quotes"]
            ),
            (
                "settle: { quiet: 10m, give_up: 1m }",
                ["5:32: settle.give_up: 1m is shorter than the quiet time of 10m; write a longer time"]
            ),
            (
                "settle: { quiet: 2 s }",
                ["5:18: settle.quiet: `2 s` is not a duration; write a number with ms, s, m, h or d, like 2s or 1h30m"]
            ),
            (
                "settle: { quiet: 1y }",
                ["5:18: settle.quiet: `1y` is not a duration; write a number with ms, s, m, h or d, like 2s or 1h30m"]
            ),
            ("schema: { key: { a: b } }", ["5:16: schema.key: a mapping stands where a list belongs; write a list like [a, b]"]),
            ("schema: { key: [id, id] }", ["5:16: schema.key: \"id\" stands twice; remove one of them"]),
            ("schema: { key: [\"\"] }", ["5:16: schema.key: an empty name; remove it"]),
            ("schema: { classes: [] }", ["5:20: schema.classes: an empty list names no class; name them, or leave `classes` out"]),
            ("schema: { classes: [a, b, a] }", ["5:20: schema.classes: \"a\" stands twice; remove one of them"]),
            ("schema: { classes: [a, [b]] }", ["5:24: schema.classes[1]: a list stands where a text belongs; write one text"]),
            ("schema: { label: { a: b } }", ["5:18: schema.label: a mapping stands where a list belongs; write a list like [a, b]"]),
            ("schema: { label: [] }", ["5:18: schema.label: no column is named; name at least one, or leave `label` out"]),
            (
                "schema: { missing_label: skip }",
                ["5:26: schema.missing_label: no label is named; name it, like label: outcome, or remove `missing_label`"]
            ),
            (
                "schema: { label: a, missing_label: eror }",
                ["5:36: schema.missing_label: `eror` is none of skip, error; did you mean `error`?"]
            ),
            ("schema: { label: a, weight: a }", ["5:29: schema.weight: \"a\" is the label; name another column"]),
            (
                "schema: { weight: w, inputs: { x: [w] } }",
                ["5:19: schema.weight: the weight \"w\" is also a column of the input \"x\"; take it from the input's columns"]
            ),
            (
                "schema: { label: d, inputs: { x: [a, d] } }",
                ["5:18: schema.label: the label \"d\" is also a column of the input \"x\"; take it from the input's columns"]
            ),
            (
                "schema: { inputs: [a] }",
                [
                    """
                    5:19: schema.inputs: a list stands where a mapping belongs; \
                    write model inputs with their columns, like pixels: "pixel_*"
                    """
                ]
            ),
            ("schema: { inputs: { x: { column: a } } }", ["5:26: schema.inputs.x.column: there is no such key; did you mean `columns`?"]),
            (
                "schema: { inputs: { x: { scale: big } } }",
                ["5:33: schema.inputs.x.scale: `big` is not a number; write one without quotes, like 0.0625"]
            ),
            (
                "schema: { inputs: { x: { scale: 0 } } }",
                ["5:33: schema.inputs.x.scale: nothing can be scaled by 0; write a finite number other than 0"]
            ),
            (
                "schema: { inputs: { x: { scale: \"2\" } } }",
                ["5:33: schema.inputs.x.scale: the text \"2\" is not a number; write one without quotes, like 0.0625"]
            ),
            (
                "schema: { inputs: { x: { missing: eror } } }",
                ["5:35: schema.inputs.x.missing: `eror` does not say what a missing value becomes; did you mean `error`?"]
            ),
            (
                "schema: { inputs: { x: { missing: unknown } } }",
                [
                    """
                    5:35: schema.inputs.x.missing: `unknown` does not say what a missing value becomes; \
                    write error, nan, a number, or a text in quotes
                    """
                ]
            ),
            (
                "schema: { inputs: { x: { missing: .inf } } }",
                [
                    """
                    5:35: schema.inputs.x.missing: `.inf` does not say what a missing value becomes; \
                    write error, nan, a number, or a text in quotes
                    """
                ]
            ),
            (
                "schema: { missing: unknown }",
                [
                    """
                    5:20: schema.missing: `unknown` does not say what a missing value becomes; \
                    write error, nan, a number, or a text in quotes
                    """
                ]
            ),
            (
                "schema: { inputs: { x: { booleans: [yes] } } }",
                [
                    """
                    5:36: schema.inputs.x.booleans: not two words, of false and of true; \
                    write a list like ["False", "True"], or text to take what the file has
                    """
                ]
            ),
            (
                "schema: { inputs: { x: { times: isso } } }",
                ["5:33: schema.inputs.x.times: `isso` is none of iso, text; did you mean `iso`?"]
            ),
            ("schema: { inputs: { x: [] } }", ["5:24: schema.inputs.x: no column is named; name at least one, or leave `columns` out"]),
            ("schema: { inputs: { x: [a, a] } }", ["5:24: schema.inputs.x: \"a\" stands twice; remove one of them"]),
            (
                "schema: { types: { zip: text } }",
                [
                    """
                    5:25: schema.types.zip: `text` is none of string, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, \
                    float32, float64, date, timestamp; write one of them
                    """
                ]
            ),
            (
                "schema: { types: { zip: in64 } }",
                [
                    """
                    5:25: schema.types.zip: `in64` is none of string, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, \
                    float32, float64, date, timestamp; did you mean `int64`?
                    """
                ]
            ),
            (
                "schema: { types: [zip] }",
                ["5:18: schema.types: a list stands where a mapping belongs; write columns with their types, like zip: string"]
            ),
            (
                "schema: { dialect: { delimiter: ';;' } }",
                ["5:33: schema.dialect.delimiter: \";;\" is not one ASCII character; write one ASCII character in quotes, or tab"]
            ),
            (
                "schema: { dialect: { quote: ab } }",
                ["5:29: schema.dialect.quote: \"ab\" is not one ASCII character; write one ASCII character in quotes, or none"]
            ),
            (
                "schema: { dialect: { escape: ab } }",
                ["5:30: schema.dialect.escape: \"ab\" is not one ASCII character; write one ASCII character in quotes"]
            ),
            (
                "schema: { dialect: { escape: ',' } }",
                ["5:30: schema.dialect.escape: the escape is also the delimiter; set one of them to another character"]
            ),
            (
                "schema: { dialect: { encoding: latin1 } }",
                ["5:32: schema.dialect.encoding: `latin1` is none of utf-8, latin-1, windows-1252, utf-16; did you mean `latin-1`?"]
            ),
            (
                "schema: { dialect: { decimal: x } }",
                ["5:31: schema.dialect.decimal: a decimal sign is `.` or `,`; write one of them in quotes"]
            ),
            (
                "schema: { dialect: { decimal: ',' } }",
                ["5:31: schema.dialect.decimal: the decimal sign is also the delimiter; set `delimiter` to another character, like \";\""]
            ),
            (
                "schema: { dialect: { header: yes } }",
                ["5:30: schema.dialect.header: `yes` is neither true nor false; write true or false, without quotes"]
            ),
            (
                "schema: { dialect: { header: [] } }",
                ["5:30: schema.dialect.header: an empty list names no column; write true, false, or the names"]
            ),
            (
                "schema: { dialect: { delimiter: '\"' } }",
                ["5:20: schema.dialect.quote: the quote is also the delimiter; set one of them to another character"]
            ),
            (
                "schema: { dialect: { nullwords: [a] } }",
                ["5:22: schema.dialect.nullwords: there is no such key; did you mean `null_words`?"]
            ),
            (
                "schema: { inputs: { x: { scale: .nan } } }",
                ["5:33: schema.inputs.x.scale: `.nan` is not a number; write one without quotes, like 0.0625"]
            ),
            (
                "order: 1\nlimits: { memory: 1, tiem: 1s }\nsettle: 2",
                [
                    "5:8: order: `1` is none of models, strict; write one of them",
                    "6:19: limits.memory: `1` has no unit; write one, like 512MiB or 4GiB",
                    "6:22: limits.tiem: there is no such key; did you mean `time`?",
                    "7:9: settle: `2` stands where a mapping belongs; give it keys: quiet, give_up",
                ]
            ),
            (
                "schema: { dialect: { null_words: [NA, null] } }",
                ["5:39: schema.dialect.null_words[1]: nothing stands where a text belongs; write one, in quotes if it is the word null"]
            ),
            (
                "schema: { dialect: { decimal: , } }",
                ["5:31: schema.dialect.decimal: no character is given; put it in quotes, like \",\""]
            ),
        ] as [(String, [String])])
    func isRefused(lines: String, expected: [String]) {
        #expect(problems(base + lines + "\n") == expected.map { "p.yaml:" + $0 })
    }
}
