import Testing

@testable import PipelineConfig

@Suite struct QuantityTests {
    @Test(
        arguments: [
            ("2s", .seconds(2)), ("500ms", .milliseconds(500)), ("1.5s", .milliseconds(1500)), ("10m", .seconds(600)),
            ("1h30m", .seconds(5400)),
            ("1d", .seconds(86_400)), ("0s", .zero), ("", nil), ("2", nil), ("s", nil), ("2 s", nil), ("-2s", nil), ("2S", nil),
            ("1y", nil),
            (".5s", nil), ("5.s", nil), ("1..5s", nil), ("1e3s", nil), ("99999999999d", nil), ("2s ", nil), ("٣s", nil), ("infs", nil),
        ] as [(String, Duration?)])
    func durations(text: String, expected: Duration?) { #expect(Quantities.duration(text) == expected) }

    @Test(
        arguments: [
            ("64B", 64), ("4GiB", 4 << 30), ("1.5GB", 1_500_000_000), ("100kB", 100_000), ("100KB", 100_000), ("512MiB", 512 << 20),
            ("4G", nil),
            ("4", nil), ("GiB", nil), ("4gib", nil), ("4 GiB", nil), ("-4GiB", nil), ("1GiB2MiB", nil), ("99999999999TiB", nil), ("", nil),
        ] as [(String, Int?)])
    func byteCounts(text: String, expected: Int?) { #expect(Quantities.byteCount(text) == expected) }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(1), "1ms"), (.seconds(5400), "1h30m"), (.seconds(90_061), "1d1h1m1s"),
        (.milliseconds(2500), "2s500ms"),
    ])
    func durationsAreWrittenAsTheyAreRead(duration: Duration, text: String) {
        #expect(duration.text == text)
        #expect(Quantities.duration(text) == duration)
    }
}

@Suite struct SpellingTests {
    @Test(arguments: [
        ("kepe", "keep", 1), ("quite", "quiet", 1), ("", "abc", 3), ("abc", "abc", 0), ("give_up", "giveup", 1), ("afetr", "after", 1),
    ])
    func distance(a: String, b: String, expected: Int) {
        #expect(Spelling.distance(a, b) == expected)
        #expect(Spelling.distance(b, a) == expected)
    }

    @Test func onlyNearWordsAreSuggested() {
        #expect(Spelling.nearest(to: "SETTLE", in: ["settle", "stages"]) == "settle")
        #expect(Spelling.nearest(to: "colour", in: ["settle", "stages"]) == nil)
        #expect(Spelling.nearest(to: "x", in: []) == nil)
    }
}
