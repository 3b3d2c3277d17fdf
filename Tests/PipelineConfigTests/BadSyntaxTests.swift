import Testing

@Suite struct BadSyntaxTests {
    /// Each row: lines below `base`, and what is said of them, each without the file's name.
    @Test(
        arguments: [
            ("name: again", ["5:1: name: the key stands twice in one mapping, first in line 1; remove one of them"]),
            (
                "after:\nafter: keep\nafter: delete",
                [
                    "6:1: after: the key stands twice in one mapping, first in line 5; remove one of them",
                    "7:1: after: the key stands twice in one mapping, first in line 5; remove one of them",
                ]
            ),
            (
                "settle: { quiet: 1s, \"quiet\": 2s }\nsettel: {}",
                [
                    "5:22: quiet: the key stands twice in one mapping, first in line 5; remove one of them",
                    "6:1: settel: there is no such key; did you mean `settle`?",
                ]
            ),
            (
                "settle:\n  quiet: 1s\n  # note\n  give_up: 1m\n\n  quiet: 3s\nafter: kep",
                [
                    "10:3: quiet: the key stands twice in one mapping, first in line 6; remove one of them",
                    "11:8: after: `kep` is none of keep, archive, delete; did you mean `keep`?",
                ]
            ),
            ("stages: deserialize", ["5:1: stages: the key stands twice in one mapping, first in line 3; remove one of them"]),
            (
                "schema: { types: { a: string, a: bool } }",
                ["5:31: a: the key stands twice in one mapping, first in line 5; remove one of them"]
            ),
            ("settle: {quiet: 1s, quiet: 2s}", ["5:21: quiet: the key stands twice in one mapping, first in line 5; remove one of them"]),
            ("<<: 5", ["5:5: <<: only a mapping can be merged; write `<<: *name`, where `&name` marks a mapping"]),
            (
                "settle: !dur 2s",
                [
                    "5:9: the YAML tag !dur has no meaning in a pipeline; remove it",
                    "5:9: settle: `2s` stands where a mapping belongs; give it keys: quiet, give_up",
                ]
            ),
            ("? [a]\n: b", ["5:3: a key must be plain text; write `key: value`"]),
            (
                "settle: *none",
                ["5:9: a `*` without quotes begins a YAML alias, and none has this name; put a pattern that begins with `*` in quotes"]
            ),
            ("after: @keep", ["5:8: a value cannot begin with `@`; put the value in quotes"]),
            ("settle:\n\tquiet: 2s", ["6:1: there is a tab where YAML takes only spaces; indent with spaces"]),
            ("settle: { quiet: 2s", ["5:9: the mapping that begins here does not end; close it with `}`, and put `,` between its keys"]),
            ("schema: { key: [a", ["5:16: the list that begins here does not end; close it with `]`, and put `,` between its items"]),
            ("after: \"keep", ["5:8: the quote that opens here is never closed; close it"]),
            (
                "after: \"\\k\"",
                ["5:9: a backslash in double quotes begins an escape, and this is none; use single quotes, or double the backslash"]
            ),
            (
                "after: keep: now",
                ["5:12: a `:` where no key can stand; indent the keys of one mapping alike, and put a value with `: ` in it in quotes"]
            ),
            (" after: keep", ["5:2: this line does not continue what stands above it; indent the keys of one mapping alike"]),
            ("after keep", ["5:1: a key without `:`; write `key: value`"]),
            ("---\nname: two", ["5:1: a second document begins here; put each pipeline in a file of its own"]),
            (
                "%YAML 9",
                ["5:8: this is not YAML: did not find expected digit or '.' character; check quotes, brackets and indentation above"]
            ),
            (
                "schema:\n  key: a\n label: b",
                ["7:2: this line does not continue what stands above it; indent the keys of one mapping alike"]
            ),
            (
                "after:\nafter: keep\nafter: delete",
                [
                    "6:1: after: the key stands twice in one mapping, first in line 5; remove one of them",
                    "7:1: after: the key stands twice in one mapping, first in line 5; remove one of them",
                ]
            ),
        ] as [(String, [String])])
    func isRefused(lines: String, expected: [String]) {
        #expect(problems(base + lines + "\n") == expected.map { "p.yaml:" + $0 })
    }

    @Test(
        arguments: [
            ([0xFF, 0xFE, 0x6E, 0], "1:1: the file is UTF-16; save it as UTF-8"),
            (Array("name: x\nü: ".utf8) + [0xE9, 0x0A], "2:4: the file is not UTF-8 from here on; save it as UTF-8"),
            (Array("name: x\r\nafter: [\r\n".utf8), "3:1: a value or a closing bracket is missing; look here and at the brackets above"),
            (
                Array("name: x\u{7}\n".utf8),
                "1:8: there is a control character (U+0007) here; remove it, or write it as an escape in double quotes"
            ),
            (
                Array("name: \u{E000}x\n".utf8),
                "1:7: there is a control character (U+E000) here; remove it, or write it as an escape in double quotes"
            ),
            (
                Array((String(repeating: "[", count: 90) + String(repeating: "]", count: 90)).utf8),
                "1:66: values are nested more than 64 deep; check the brackets"
            ),
        ] as [([UInt8], String)])
    func bytesAreRefused(bytes: [UInt8], expected: String) { #expect(problems(bytes: bytes) == ["p.yaml:" + expected]) }

    @Test func sizeAndDepthAreBounded() {
        let long = problems(String(repeating: "#", count: 300_000))
        #expect(long == ["p.yaml:1:1: the file has more than the 262144 bytes that a pipeline may have; check that this is a pipeline"])
        let deep = problems(String(repeating: "[", count: 100_000))
        #expect(deep == ["p.yaml:1:1: values are nested too deep; check the brackets"])
    }

    /// Few aliases can still multiply a document; many are refused before the parser sees them.
    @Test func aliasBombs() {
        let items = String(repeating: "x, ", count: 200)
        let small = "a: &a [\(items)]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n"
        #expect(
            problems(small) == [
                "p.yaml:1:404: the document has more than 10000 values once its aliases are expanded; write less, or with fewer aliases"
            ])
        let wide = "a: &a [x]\nb: [" + String(repeating: "*a, ", count: 17) + "]\n"
        #expect(problems(wide) == ["p.yaml:2:69: the file uses more than 16 aliases (*name); write the values out"])
        let asKey = "a: &a [x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: &d [*c, *c, *c, *c]\n? *d\n: x\n"
        #expect(problems(asKey).contains("p.yaml:4:4: a key must be plain text; write `key: value`"))
        #expect(problems(base + "# *one* *two* *three* *four* *five* *six* *seven* *eight* *nine* *ten* *a *b *c *d *e *f *g *h\n") == [])
        #expect(problems(base + "schema: { key: [\"*a\", '*b', \"c \\\" *d\"] }\n") == [])
    }
}
