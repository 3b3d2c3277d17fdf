import ConformanceSupport
import Engine
import Foundation
import Testing

@Suite struct ConformanceTests {
    /// All node tests of onnx 1.23.2 through the engine as it is, without graph optimizations. What fails must stand in
    /// `expected-failures.txt` with its category, and what stands there must fail.
    @Test func nodeTestsPassButForTheExpectedFailures() throws {
        let cases = try ConformanceCase.all(version: "1.23.2")
        #expect(cases.count == 1884)
        let lists = try ExpectedFailures.read()
        let expected = try #require(
            lists[ONNXRuntime.version],
            "expected-failures.txt has no list for ONNX Runtime \(ONNXRuntime.version)")
        var failed: [String: ConformanceFailure] = [:]
        for testCase in cases { failed[testCase.name] = testCase.run(SessionOptions(optimization: .none)) }

        for (name, failure) in failed.sorted(by: { $0.key < $1.key })
        where expected[name] != failure.category.rawValue && expected[name] != "machine" {
            Issue.record("\(name) fails and is not expected to: \(failure.category.rawValue), \(failure.detail)")
        }
        for name in expected.keys.sorted() where failed[name] == nil && expected[name] != "machine" {
            Issue.record("\(name) passes now (or is gone): take it out of expected-failures.txt")
        }
        // What ONNX Runtime passes through its own Python API, and what Python cannot feed.
        #expect(cases.count - failed.count >= 1526 + 196)
    }
}

/// The same node tests through OpenVINO, with a list of its own. A case that ends the process is listed as `crash` and not run.
@Suite(.enabled(if: OpenVINO.isThere)) struct OpenVINOConformanceTests {
    @Test func nodeTestsPassButForTheExpectedFailures() throws {
        let expected = try #require(
            try ExpectedFailures.read("expected-failures-openvino.txt")[OpenVINO.version],
            "expected-failures-openvino.txt has no list for OpenVINO \(OpenVINO.version)")
        let cases = try ConformanceCase.all(version: "1.23.2")
        var failed: [String: ConformanceFailure] = [:], run: Set<String> = []
        for testCase in cases where expected[testCase.name] != "crash" {
            run.insert(testCase.name)
            failed[testCase.name] = testCase.run(.openVINO)
        }
        for (name, failure) in failed.sorted(by: { $0.key < $1.key })
        where expected[name] != failure.category.rawValue && expected[name] != "machine" {
            Issue.record("\(name) fails and is not expected to: \(failure.category.rawValue), \(failure.detail)")
        }
        for (name, category) in expected.sorted(by: { $0.key < $1.key })
        where failed[name] == nil && category != "machine" && category != "crash" {
            Issue.record("\(name) passes now (or is gone): take it out of expected-failures-openvino.txt")
        }
        #expect(run.count - failed.count >= 1000)
    }
}

/// `expected-failures.txt`: a line `[1.32.0]` opens the list of an engine version; lines below are case, category, why.
enum ExpectedFailures {
    static func read(_ name: String = "expected-failures.txt") throws -> [String: [String: String]] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(name)
        var lists: [String: [String: String]] = [:]
        var version = ""
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("[") {
                version = String(line.dropFirst().prefix { $0 != "]" })
                lists[version] = lists[version] ?? [:]
            } else {
                let words = line.split(separator: " ", maxSplits: 2)
                if words.count >= 2 { lists[version, default: [:]][String(words[0])] = String(words[1]) }
            }
        }
        return lists
    }
}
