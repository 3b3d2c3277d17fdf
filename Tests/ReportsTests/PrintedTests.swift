import Reports
import Testing

@Suite struct PrintedTests {
    private let name = "a\nb\u{1B}[2K"

    @Test func whatIsInterpolatedIsEscapedOnce() {
        let line: Printed = "file \(name)\nnext"
        #expect(line.text == "file a\\nb\\u{1B}[2K\nnext")
        #expect(("> \(line)" as Printed).text == "> " + line.text)
    }

    @Test func tablesArePaddedAndNothingIsCut() {
        var table = TextTable("RUN", "FILE")
        table.add("1", name)
        table.add("1000", "b")
        #expect(table.lines == ["RUN   FILE", "1     \(name)", "1000  b"])
    }

    @Test(arguments: [(119_999, "119 s"), (120_000, "2 min"), (7_200_000, "2 h"), (172_800_000, "2 d")])
    func agesAreRounded(_ milliseconds: Int64, _ text: String) { #expect(shownAge(milliseconds: milliseconds) == text) }

    @Test func durationsSecondsAndCounts() {
        #expect(Duration.milliseconds(500).shown == "500 ms" && Duration.seconds(600).shown == "10 min")
        #expect(shownSeconds(9.9996) == "10.000 s" && shownSeconds(12.34) == "12.3 s")
        #expect(shownTimings(["total": 3, "read": 1, "forward": 2]) == "forward 2.000 s, read 1.000 s")
        #expect([0, 1, 2].map { counted($0, "file") } == ["0 files", "1 file", "2 files"])
    }
}
