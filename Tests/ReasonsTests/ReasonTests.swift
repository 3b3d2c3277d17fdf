import Foundation
import Testing

@testable import Reasons

/// A sentence exists with and without what cells hold.
@Suite struct ReasonTests {
    private struct Failed: Error, Reasoned {
        let reason: Reason
    }

    private let bad: Reason = "row \(3): \(cell: "abc") is no number"

    @Test func aValueStandsApart() {
        #expect(bad.text == "row 3: the value is no number" && bad.sentence == "row 3: \"abc\" is no number")
        #expect(bad.cells?.values == ["abc"])
        let worded: Reason = "\(cell: "3.5", shown: "the label 3.5", hidden: "the label") is not from 0 to 1"
        #expect(worded.text == "the label is not from 0 to 1" && worded.sentence == "the label 3.5 is not from 0 to 1")
        let plain: Reason = "column \("age") is missing"
        #expect(plain == Reason("column age is missing") && plain.cells == nil && plain.sentence == plain.text)
    }

    /// Where a reason becomes a plain text, its values would not be told apart any more: they are left out.
    @Test func aPlainTextHasNoValues() {
        let text = "because \(bad)"
        #expect(text == "because row 3: the value is no number" && String(describing: bad) == bad.text)
    }

    /// However it is passed on: as a reason, as an error, as an error of which only the protocol is known.
    @Test func valuesStayApartInOtherSentences() {
        let error: any Error = Failed(reason: bad)
        let all: [Reason] = ["a.csv: \(bad)", "a.csv: \(Failed(reason: bad))", "a.csv: \(error)"]
        for reason in all {
            #expect(reason.text == "a.csv: row 3: the value is no number" && reason.cells?.values == ["abc"], "\(reason)")
            #expect(reason.sentence == "a.csv: row 3: \"abc\" is no number")
        }
        let both: Reason = "\(bad), and \(cell: "x") too"
        #expect(both.cells?.values == ["abc", "x"] && both.text == "row 3: the value is no number, and the value too")
        #expect((bad + "; mend it").text.hasSuffix("; mend it") && (bad + "; mend it").sentence == "row 3: \"abc\" is no number; mend it")
        let moved = ("/kept/1: \(bad)" as Reason).replacing("/kept/1", with: "l.csv")
        #expect(moved.text == "l.csv: row 3: the value is no number" && moved.sentence.hasPrefix("l.csv: row 3: \"abc\""))
        let about = Reason("a time, and no number").about(cell: "12:00")
        #expect(about.text == "a time, and no number" && about.sentence == about.text && about.cells?.values == ["12:00"])
        #expect(
            Failed(reason: bad).description(showingValues: false) == bad.text
                && Failed(reason: bad).description(showingValues: true) == bad.sentence)
    }

    @Test func valuesAreAFieldOfTheirOwnInJSON() throws {
        let json = String(decoding: try JSONEncoder().encode(bad.cells), as: UTF8.self)
        #expect(try JSONDecoder().decode(CellValues.self, from: Data(json.utf8)) == bad.cells)
        #expect(json.contains("\"values\":[\"abc\"]"), "\(json)")
    }
}
