import FileSystem
import Foundation
import TestSupport
import Testing

@Suite struct FaultPointTests {
    /// The table of `Sources/README.md` has each point with the sentence of its declaration, in that order.
    @Test func pointsAreInTheTable() throws {
        let declaration = #/\n    \/\/\/ (.+)\n    case \w+ = "([a-z.-]+)"/#
        let declared = try Self.text("Sources/FileSystem/Faults/FaultPoint.swift").matches(of: declaration).map { "\($0.2): \($0.1)" }
        let row = #/\n\| `([a-z]+\.[a-z-]+)` \| (.+) \|/#
        let listed = try Self.text("Sources/README.md").matches(of: row).map { "\($0.1): \($0.2)" }
        #expect(declared.count == FaultPoint.allCases.count && listed == declared)
    }

    /// Each point is reached in one place.
    @Test func pointsAreInTheCode() throws {
        let sources = URL(fileURLWithPath: ProjectScript.repository + "/Sources")
        let walker = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var found: [String: Int] = [:]
        for case let file as URL in walker where file.pathExtension == "swift" && file.lastPathComponent != "FaultPoint.swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: #/FaultPoint\.reach\(\.(\w+)\)|case \.\w+: \.(land\w+)\n/#) {
                found[String(match.1 ?? match.2!), default: 0] += 1
            }
        }
        for point in FaultPoint.allCases { #expect(found["\(point)"] == 1, "\(point): \(found["\(point)"] ?? 0)") }
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: ProjectScript.repository + "/" + path, encoding: .utf8)
    }
}
