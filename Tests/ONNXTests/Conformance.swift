import Foundation
import ONNX
import Testing

/// The ONNX project's own test models, as `Scripts/onnx-conformance` puts them.
struct ConformanceSet: Sendable, CustomTestStringConvertible {
    let version: String
    let modelCount: Int

    static let all = [ConformanceSet(version: "1.22.0", modelCount: 1905), ConformanceSet(version: "1.23.2", modelCount: 1884)]

    var testDescription: String { "onnx \(version)" }

    struct Case: Sendable {
        /// `1.23.2/node/test_abs`
        let name: String
        let directory: String

        func model() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: directory + "/model.onnx")) }
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// All cases, by name.
    func cases() throws -> [Case] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".deps/conformance/\(version)").path
        var cases: [Case] = []
        let files = FileManager.default
        for kind in (try? files.contentsOfDirectory(atPath: root)) ?? [] where !kind.hasPrefix(".") {
            for name in try files.contentsOfDirectory(atPath: "\(root)/\(kind)") {
                let directory = "\(root)/\(kind)/\(name)"
                guard files.fileExists(atPath: directory + "/model.onnx") else { continue }
                cases.append(Case(name: "\(version)/\(kind)/\(name)", directory: directory))
            }
        }
        guard cases.count == modelCount else {
            throw Missing(
                description: "\(cases.count) of \(modelCount) conformance models of onnx \(version) are there: run Scripts/onnx-conformance"
            )
        }
        return cases.sorted { $0.name < $1.name }
    }
}
