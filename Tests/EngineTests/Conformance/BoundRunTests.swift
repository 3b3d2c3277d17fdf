import ConformanceSupport
import Engine
import Foundation
import Tensors
import Testing

/// Every conformance model that rows can fill gives through bound memory what a plain run gives: values and shapes, for a second batch,
/// for another number of rows and for the short last batch. Models with a fixed batch are run as they are and with an open one.
@Suite struct BoundRunTests {
    @Test(
        arguments: [
            ("1.23.2", ["node"]), ("1.22.0", ["simple", "pytorch-converted", "pytorch-operator"]),
        ] as [(String, [String])])
    func boundRunsGiveWhatPlainRunsGive(version: String, kinds: [String]) throws {
        var same = 0, random: Set<String> = [], refused = 0
        for testCase in try ConformanceCase.all(version: version, kinds: kinds) {
            let original = try testCase.modelBytes()
            guard let set = try testCase.dataSets(of: original).first else { continue }
            var rows: [String: Tensor] = [:]
            for (name, value) in set.inputs { rows[name] = value.tensor }
            guard rows.count == set.inputs.count, !rows.isEmpty else { continue }
            let variants =
                [(original, SessionOptions(optimization: .none))]
                + (try testCase.modelBytesWithOpenRows().map { [($0, SessionOptions(optimization: .none)), ($0, SessionOptions())] } ?? [])
            for (model, options) in variants {
                guard let session = try? Session(model: model, options: options) else { continue }
                switch BoundComparison(session, rows: rows).run() {
                case .same: same += 1
                case .refused: refused += 1
                case .random: random.insert(testCase.name)
                case .different(let what): Issue.record("\(testCase.name), \(options.optimization): \(what)")
                }
            }
        }
        print("bound runs of \(version): \(same) same, \(refused) refused, \(random.count) random")
        #expect(same > (version == "1.23.2" ? 1000 : 100))
        #expect(random.count < 20, "\(random)")
    }

    /// The same on OpenVINO, for every eighth node test and all models that PyTorch wrote. Its kernels for one row and for more need not
    /// give the same bytes, which the plain run of as many rows does.
    @Test(.enabled(if: OpenVINO.isThere), arguments: [("1.23.2", ["node"], 8), ("1.22.0", ["simple", "pytorch-operator"], 1)])
    func boundRunsOnOpenVINOGiveWhatPlainRunsGive(version: String, kinds: [String], every: Int) throws {
        var same = 0, refused = 0
        for (number, testCase) in try ConformanceCase.all(version: version, kinds: kinds).enumerated() where number % every == 0 {
            let original = try testCase.modelBytes()
            guard let set = try testCase.dataSets(of: original).first else { continue }
            var rows: [String: Tensor] = [:]
            for (name, value) in set.inputs { rows[name] = value.tensor }
            guard rows.count == set.inputs.count, !rows.isEmpty else { continue }
            for model in [original] + (try testCase.modelBytesWithOpenRows().map { [$0] } ?? []) {
                guard let session = try? Session(model: model, options: .openVINO) else { continue }
                switch BoundComparison(session, rows: rows).run() {
                case .same: same += 1
                case .refused, .random: refused += 1
                case .different(let what): Issue.record("\(testCase.name): \(what)")
                }
            }
        }
        print("bound runs on OpenVINO of \(version): \(same) same, \(refused) refused or random")
        #expect(same > 50)
    }
}
