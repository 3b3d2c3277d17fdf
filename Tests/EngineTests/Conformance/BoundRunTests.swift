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
}
