import Reasons
import Testing

/// What a person reads holds no control characters, wherever it came from.
@Suite struct PrintableTests {
    @Test(
        arguments: [
            ("plain.csv", "plain.csv"), ("größe 数 👩‍👩‍👧", "größe 数 👩‍👩‍👧"), ("a\nb", #"a\nb"#), ("a\r\n\tb", #"a\r\n\tb"#),
            ("\u{1B}[31m", #"\u{1B}[31m"#),
            ("\u{7F}\u{9B}", #"\u{7F}\u{009B}"#), ("\u{202E}csv.exe\u{2028}", #"\u{202E}csv.exe\u{2028}"#), ("", ""), ("a\u{0}b", #"a\0b"#),
        ])
    func controlCharactersAreEscaped(_ text: String, _ shown: String) {
        #expect(text.printable == shown)
        #expect(shown.printable == shown, "an escaped text is not escaped again")
    }

    @Test func aTextWithLinesKeepsThem() { #expect("a\n\u{1B}b\n".printable(keepingLines: true) == "a\n\\u{1B}b\n") }

    @Test func reasonsEscapeWhatIsPutIntoThem() {
        let reason: Reason = "column \("a\nb"): \(cell: "x\u{1B}[2J") is no number"
        #expect(reason.text == #"column a\nb: the value is no number"#)
        #expect(reason.sentence == #"column a\nb: "x\u{1B}[2J" is no number"#)
        #expect(reason.cells?.values == ["x\u{1B}[2J"], "what the cell holds stays what it is")
    }
}
