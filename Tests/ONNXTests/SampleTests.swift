import Foundation
import Tensors
import Testing

@testable import ONNX

/// The models of `samples/`, which real exporters wrote.
@Suite struct SampleTests {
    static let paths: [String] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("samples").resolvingSymlinksInPath().path
        let found = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(".onnx") }.sorted().map { root + "/" + $0 }
    }()

    @Test func thereAreSamples() { #expect(Self.paths.count >= 3) }

    @Test(arguments: paths)
    func aRealModelIsReadCheckedTypedAndWrittenBack(_ path: String) throws {
        let model = try Model.load(path: path)
        try model.safetyCheck(bounds: .narrow)
        try model.costCheck(bounds: .narrow)
        #expect(try model.serialized() == Data(contentsOf: URL(fileURLWithPath: path)))
        var bare = model
        bare.graph.values = []
        for position in bare.graph.outputs.indices { bare.graph.outputs[position].type = nil }
        let inferred = try bare.inferTypes()
        #expect(inferred.operatorsWithoutRule.isEmpty)
        for node in model.graph.nodes {
            for output in node.outputs where !output.isEmpty { #expect(inferred[output] != nil, "\(node.place)") }
        }
        #expect(try model.inferTypes().contradictions.isEmpty)
    }
}
