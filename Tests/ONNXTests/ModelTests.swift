import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors
import TestSupport
import Testing

@testable import ONNX

@Suite struct ModelTests {
    @Test func aBuiltModelIsReadBackAsItself() throws {
        var model = matrixModel()
        model.metadata["millrace.version"] = "1"
        model.graph.nodes[0][attribute: "scale"] = .float(.nan)
        model.graph.nodes[0][attribute: "modes"] = .strings(["a", ""])
        let read = try Model(serialized: model.serialized())
        #expect(read == model)
        #expect(read.metadata["millrace.version"] == "1")
        #expect(read.graph.nodes[0].attribute("modes")?.strings == ["a", ""])
        #expect(try read.graph.initializers[0].tensor().values(as: Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(read.graph.inputs[0].type == .tensor(.float32, [.symbolic("N"), .fixed(2)]))
    }

    @Test func anEmptyNameIsNotAnAbsentOne() throws {
        var model = matrixModel()
        let absent = try model.serialized()
        model.graph.nodes[0].name = ""
        model.graph.nodes[0].domain = ""
        let present = try model.serialized()
        #expect(present.count == absent.count + 4)
        #expect(try Model(serialized: present) != Model(serialized: absent))
        #expect(try Model(serialized: present).graph.nodes[0].$name == "")
        #expect(try Model(serialized: absent).graph.nodes[0].$name == nil)
        #expect(try Model(serialized: absent).serialized() == absent)
    }

    /// Every message gets a field that no version of ONNX has, and a scalar that proto3 writers leave out.
    @Test func unknownFieldsAndOmittedZerosSurvive() throws {
        let unknown: [UInt8] = [0xFA, 0x3E, 0x03, 1, 2, 3]  // field 1007, bytes
        func mark<M: Message>(_ message: inout M) throws { try message.merge(serializedBytes: unknown, partial: true) }
        var proto = matrixModel().proto
        proto.graph.node[0].attribute = [
            .with {
                $0.name = "axis"; $0.type = 2
            },
            .with {
                $0.name = "old"; $0.i = 3
            },
        ]
        proto.functions = [
            .with {
                $0.name = "f"; $0.output = ["o"]
            }
        ]
        proto.trainingInfo = [.with { $0.algorithm.name = "t" }]
        proto.graph.quantizationAnnotation = [.with { $0.tensorName = "w" }]
        proto.graph.sparseInitializer = [.with { $0.values.name = "s" }]
        proto.configuration = [.with { $0.name = "c" }]
        proto.graph.node[0].deviceConfigurations = [.with { $0.configurationID = "c" }]
        try mark(&proto)
        try mark(&proto.graph)
        try mark(&proto.graph.node[0])
        try mark(&proto.graph.node[0].attribute[0])
        try mark(&proto.graph.node[0].deviceConfigurations[0])
        try mark(&proto.graph.initializer[0])
        try mark(&proto.graph.sparseInitializer[0])
        try mark(&proto.graph.quantizationAnnotation[0])
        try mark(&proto.graph.input[0])
        try mark(&proto.graph.input[0].type)
        try mark(&proto.graph.input[0].type.tensorType)
        try mark(&proto.graph.input[0].type.tensorType.shape)
        try mark(&proto.graph.input[0].type.tensorType.shape.dim[0])
        try mark(&proto.functions[0])
        try mark(&proto.trainingInfo[0])
        try mark(&proto.opsetImport[0])
        try mark(&proto.configuration[0])
        let bytes = try proto.serializedData(partial: true)
        let model = try Model(serialized: bytes)
        #expect(try model.serialized() == bytes)
        #expect(model.graph.nodes[0].attribute("axis")?.int == 0)
        #expect(model.graph.nodes[0].attribute("old")?.int == 3)
    }

    @Test func aContradictoryAttributeIsCarriedButRefused() throws {
        var proto = matrixModel().proto
        proto.graph.node[0].attribute = [
            .with {
                $0.name = "a"; $0.type = 2; $0.f = 1; $0.ints = [1]
            }
        ]
        let bytes = try proto.serializedData(partial: true)
        let model = try Model(serialized: bytes)
        #expect(try model.serialized() == bytes)
        #expect(throws: ONNXError.self) { try model.safetyCheck() }
    }

    @Test func assigningTheSameTypeKeepsDenotations() throws {
        var proto = matrixModel().proto
        proto.graph.input[0].type.tensorType.shape.dim[0].denotation = "DATA_BATCH"
        let bytes = try proto.serializedData(partial: true)
        var model = try Model(serialized: bytes)
        model.graph.inputs[0].type = model.graph.inputs[0].type
        #expect(try model.serialized() == bytes)
        model.graph.inputs[0].type = .tensor(.float32, [.fixed(8), .fixed(2)])
        #expect(try model.serialized() != bytes)
    }

    @Test func emptyTruncatedAndForeignBytesAreRefused() throws {
        #expect(throws: ONNXError.malformed(reason: "it is empty")) { try Model(serialized: [UInt8]()) }
        let bytes = try matrixModel().serialized()
        #expect(throws: ONNXError.self) { try Model(serialized: bytes.dropLast(3)) }
        #expect(throws: ONNXError.self) { try Model(serialized: Array("id,name\n1,one\n".utf8)) }
        #expect(throws: ONNXError.self) { try Model(serialized: [0x60, 0x01]) }
    }

    @Test(arguments: [30, 34, 200, 20_000])
    func nestingIsBounded(_ levels: Int) throws {
        // graph { node { attribute { g { … } } } }, innermost first.
        var graph = [UInt8]()
        func wrap(_ tag: UInt8, _ body: [UInt8]) -> [UInt8] {
            var length = body.count
            var header = [tag]
            while length > 127 { header.append(UInt8(length & 127) | 128); length >>= 7 }
            return header + [UInt8(length)] + body
        }
        for _ in 0..<levels { graph = wrap(0x0A, wrap(0x2A, wrap(0x32, graph))) }
        let bytes = [0x08, 0x08] + wrap(0x3A, graph)
        if levels <= 30 {
            #expect(try Model(serialized: bytes).serialized() == Data(bytes))
        } else {
            #expect(throws: ONNXError.nestedTooDeeply(limit: 100)) { try Model(serialized: bytes) }
        }
    }

    @Test func messagesAreCountedBeforeTheyAreBuilt() throws {
        var limits = ReadingLimits()
        limits.messages = 1000
        let nodes = [UInt8](repeating: 0, count: 4000).enumerated().map { $0.offset % 2 == 0 ? UInt8(0x0A) : 0 }
        let bytes: [UInt8] = [0x3A, 0xA0, 0x1F] + nodes
        #expect(throws: ONNXError.tooManyParts(limit: 1000)) { try Model(serialized: bytes, limits: limits) }
        #expect(try Model(serialized: bytes).graph.nodes.count == 2000)
    }

    @Test func theIndexFollowsUsesIntoSubgraphs() {
        let branch = Graph(nodes: [Node("Add", ["y", "z"], ["s"])], outputs: [Value("s", nil)])
        var model = matrixModel()
        model.graph.nodes.append(
            Node("If", ["c"], ["o"], [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(branch))]))
        var index = model.graph.index
        #expect(index.producers["y"] == 0)
        #expect(index.consumers["y"] == [1])
        #expect(index.consumers["z"] == [1])
        #expect(index.consumers["s"] == nil)
        #expect(index.freshName("s") == "s_1")
        #expect(index.freshName("s") == "s_2")
        #expect(index.freshName("new") == "new")
    }

    /// Floating point numbers in Constant nodes are parameters, in subgraphs and functions too; integers are shapes.
    @Test func inspectionCountsWeightsInConstantNodes() {
        var model = matrixModel()
        func constants(_ prefix: String) -> [Node] {
            [
                Node(
                    "Constant", [], [prefix + "w"],
                    [Attribute("value", .tensor(StoredTensor("", .float32, [2, 3], [Float](repeating: 1, count: 6))))]),
                Node("Constant", [], [prefix + "b"], [Attribute("value_floats", .floats([1, 2]))]),
                Node("Constant", [], [prefix + "c"], [Attribute("value_float", .float(1))]),
                Node("Constant", [], [prefix + "shape"], [Attribute("value_ints", .ints([1, 2, 3]))]),
            ]
        }
        let branch = Graph(name: "branch", nodes: constants("i"), outputs: [Value("ib", nil)])
        model.graph.nodes += constants("o")
        model.graph.nodes.append(
            Node("If", ["flag"], ["z"], [Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(Graph()))]))
        model.functions = [Function(domain: "d", name: "F", inputs: [], outputs: [], nodes: constants("f"), operatorSets: [])]
        #expect(model.inspection().parameterCount == 6 + 3 * 9)
        #expect(model.inspection().parameterBytes == 4 * (6 + 3 * 9))
    }

    @Test func inspectionCountsWhatIsThere() throws {
        var model = matrixModel()
        model.producerName = "test"
        model.metadata["k"] = "v"
        let inspection = model.inspection()
        try #require(inspection.inputs.map(\.name) == ["x"])
        #expect(inspection.inputs[0].dimensions == ["N", "2"])
        #expect(inspection.inputs[0].elementType == "float")
        #expect(inspection.parameterCount == 6)
        #expect(inspection.parameterBytes == 24)
        #expect(inspection.operatorCounts == ["MatMul": 1])
        #expect(inspection.metadata == ["k": "v"])
        #expect(try JSONDecoder().decode(Inspection.self, from: JSONEncoder().encode(inspection)) == inspection)
        #expect(inspection.description.contains("x  float[N, 2]"))
        #expect(model.requiredOperators.map(\.description) == ["MatMul-17"])
    }

    @Test func requiredOperatorsSeeThroughFunctions() {
        var model = matrixModel()
        model.graph.nodes.append(Node("Twice", ["y"], ["z"], domain: "mine"))
        model.functions = [
            Function(
                domain: "mine", name: "Twice", inputs: ["a"], outputs: ["b"], nodes: [Node("Add", ["a", "a"], ["b"])],
                operatorSets: [OperatorSet(domain: "", version: 13)])
        ]
        #expect(model.requiredOperators.map(\.description) == ["Add-13", "MatMul-17"])
    }
}
