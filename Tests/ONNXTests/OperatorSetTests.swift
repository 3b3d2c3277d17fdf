import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors
import TestSupport
import Testing

@testable import ONNX

/// A domain that is imported more than once counts with its highest version, as onnx.proto says.
@Suite struct OperatorSetTests {
    /// Squeeze, whose axes are an attribute before version 13 and an input from then on.
    private func model(_ imports: [OperatorSet]) -> Model {
        let graph = Graph(
            name: "g", nodes: [Node("Squeeze", ["x", "axes"], ["y"])],
            inputs: [Value("x", .tensor(.float32, [.symbolic("N"), .fixed(1), .fixed(3)]))],
            outputs: [Value("y", .tensor(.float32, [.symbolic("N"), .fixed(3)]))],
            initializers: [StoredTensor("axes", .int64, [1], [1] as [Int64])])
        return Model(operatorSets: imports, graph: graph)
    }

    private func imports(_ entries: (String, Int64)...) -> [OperatorSet] { entries.map { OperatorSet(domain: $0.0, version: $0.1) } }

    @Test func theHighestVersionCounts() throws {
        for imports in [
            imports(("", 22), ("", 22)), imports(("ai.onnx.ml", 1), ("", 22), ("", 22)), imports(("", 9), ("", 22)),
            imports(("", 22), ("", 9)),
            imports(("ai.onnx", 22), ("", 9)), imports(("", 9), ("ai.onnx", 22)),
        ] {
            let model = model(imports)
            try model.safetyCheck()
            #expect(model.operatorSetVersion() == 22)
            #expect(model.requiredOperators == [RequiredOperator(domain: "", type: "Squeeze", version: 22)])
            #expect(model.inspection().operatorSets.count { $0.domain == "ai.onnx" && $0.version == 22 } == 1)
            #expect(model.importsTwice)
        }
        #expect(!model(imports(("ai.onnx.ml", 1), ("", 22))).importsTwice)
    }

    /// ONNX Runtime runs its own operators in models that do not import them.
    @Test func theEnginesOwnOperatorsNeedNoImport() throws {
        var model = model(imports(("", 22)))
        model.graph.nodes = [Node("Gelu", ["x"], ["y"], domain: "com.microsoft")]
        try model.safetyCheck()
        model.graph.nodes[0].domain = "com.example"
        #expect(throws: ONNXError.self) { try model.safetyCheck() }
    }

    @Test func reserializingKeepsEveryEntryAndMergingLeavesOne() throws {
        var model = model(imports(("ai.onnx.ml", 1), ("ai.onnx", 9), ("", 22)))
        model.functions = [
            Function(
                domain: "mine", name: "f", inputs: ["a"], outputs: ["b"], nodes: [Node("Relu", ["a"], ["b"])],
                operatorSets: imports(("", 14), ("", 13)))
        ]
        let bytes = try model.serialized()
        #expect(try Model(serialized: bytes).serialized() == bytes)
        #expect(try Model(serialized: bytes).operatorSets.count == 3)
        try model.safetyCheck()
        model.mergeImports()
        #expect(model.operatorSets == imports(("ai.onnx.ml", 1), ("ai.onnx", 22)))
        #expect(model.functions[0].operatorSets == imports(("", 14)))
        #expect(!model.importsTwice)
    }
}
