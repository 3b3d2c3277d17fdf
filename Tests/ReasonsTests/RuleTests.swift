import Foundation
import TestSupport
import Testing

@testable import Reasons

@Suite struct RuleTests {
    private static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The rows of the tables in `README.md`, by code.
    private static func documented() throws -> [String: (sentence: String, remedy: String)] {
        let text = try String(contentsOf: project.appending(path: "Sources/Reasons/README.md"), encoding: .utf8)
        var rows: [String: (sentence: String, remedy: String)] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
            try #require(cells.count == 3, "\(line)")
            let code = String(cells[0].dropFirst().dropLast())
            #expect(rows[code] == nil, "\(code) stands twice")
            rows[code] = (cells[1], cells[2])
        }
        return rows
    }

    @Test func eachRuleIsDocumentedAndNoOther() throws {
        let rows = try Self.documented()
        for rule in Rule.allCases {
            #expect(rows[rule.code]?.sentence == rule.sentence && rows[rule.code]?.remedy == rule.remedy, "\(rule.code)")
        }
        #expect(Set(rows.keys).subtracting(Rule.allCases.map(\.code)).isEmpty)
    }

    @Test func codesAreDottedWords() throws {
        let pattern = try Regex("[a-z]+(-[a-z]+)*(\\.[a-z]+(-[a-z]+)*)+")
        for rule in Rule.allCases {
            #expect(rule.code.wholeMatch(of: pattern) != nil, "\(rule.code)")
            #expect(rule.sentence.hasSuffix(".") && rule.remedy.hasSuffix("."), "\(rule.code)")
        }
    }

    /// A rule is a `Rule` wherever one is made: neither a text, nor read back from one except where records are read.
    @Test func noRuleIsMadeElsewhere() throws {
        let sources = Self.project.appending(path: "Sources")
        var found = 0
        let made = try Regex("\\brule: +(String\\b|\")|Rule\\(rawValue:")
        for case let file as URL in try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        where file.pathExtension == "swift" && file.deletingLastPathComponent().lastPathComponent != "Reasons" {
            let text = try String(contentsOf: file, encoding: .utf8)
            found += 1
            #expect(text.firstMatch(of: made) == nil, "\(file.path) makes a rule of its own")
            let readsRecords = file.path.contains("/Ledger/")
            #expect(readsRecords || !text.contains("Rule(recorded:"), "\(file.path) reads a rule from a text")
        }
        #expect(found > 300)
    }

    @Test(arguments: [
        ("bad-input", Rule.dataInvalid), ("one-output", .outputCollision), ("one output has one input", .outputCollision),
        ("settle.give_up", .dataTruncated), ("rows_at_least", .labelsFew), ("special.unreadable", .inputUnreadable),
        ("link.outward", .linkOutward),
        ("data.columns", .dataColumns), ("no such rule", .unrecorded), ("", .unrecorded),
    ])
    func whatEarlierVersionsRecordedIsRead(_ text: String, _ rule: Rule) throws {
        #expect(Rule(recorded: text) == rule)
        #expect(try JSONDecoder().decode([Rule].self, from: JSONEncoder().encode([text])) == [rule])
    }

    @Test func jsonHasTheCode() throws {
        #expect(String(decoding: try JSONEncoder().encode([Rule.modelSignature]), as: UTF8.self) == #"["model.signature"]"#)
    }
}
