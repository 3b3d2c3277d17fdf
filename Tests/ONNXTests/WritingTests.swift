import Foundation
import ONNXProto
import Tensors
import TestSupport
import Testing

@testable import ONNX

@Suite struct WritingTests {
    private func lowered() -> Model.WritingOptions {
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 1000
        options.externalTensorBytesAtLeast = 100
        return options
    }

    /// Three large tensors (raw, typed, in a subgraph), one small, one of strings.
    private func largeModel() throws -> Model {
        var model = matrixModel()
        let values = (0..<100).map(Float.init)
        model.graph.initializers.append(StoredTensor("raw", .float32, [100], values))
        var typed = StoredTensor("typed", .float32, [100], values)
        typed.proto.clearRawData()
        typed.proto.floatData = values
        model.graph.initializers.append(typed)
        model.graph.initializers.append(StoredTensor("words", Tensor(strings: [String](repeating: "word", count: 100), shape: [100])))
        let inner = Graph(outputs: [Value("inner", nil)], initializers: [StoredTensor("inner", .float32, [100], values)])
        model.graph.nodes.append(
            Node("If", ["x"], ["z"], [Attribute("then_branch", .graph(inner)), Attribute("else_branch", .graph(inner))]))
        return try Model(serialized: model.serialized())
    }

    @Test func aSmallModelIsOneFileWithTheSameBytes() throws {
        let directory = try TemporaryDirectory("write")
        let model = matrixModel()
        #expect(try model.write(to: directory("m.onnx")) == [directory("m.onnx")])
        #expect(try Data(directory.read("m.onnx")) == model.serialized())
    }

    @Test func aLargeModelGetsAWeightsFile() throws {
        let directory = try TemporaryDirectory("write")
        let model = try largeModel()
        #expect(try model.write(to: directory("m.onnx"), options: lowered()) == [directory("m.onnx.data"), directory("m.onnx")])
        let read = try Model.load(path: directory("m.onnx"))
        try read.safetyCheck()
        #expect(read.externalDataLocations == ["m.onnx.data"])
        #expect(read.graph.initializer("w")?.isExternal == false)
        #expect(read.graph.initializer("words")?.isExternal == false)
        for name in ["raw", "typed"] {
            let stored = try #require(read.graph.initializer(name))
            #expect(stored.isExternal)
            #expect(try stored.tensor(externalData: read.externalData()).values(as: Float.self) == (0..<100).map(Float.init))
        }
        // Everything but where the weights lie is as it was.
        var expected = model
        try expected.mapTensors { (tensor, _) throws(ONNXError) in
            if tensor.elementType != .string { tensor.replace(with: try tensor.tensor()) }
        }
        var embedded = try read.embeddingExternalData()
        try embedded.mapTensors { (tensor, _) throws(ONNXError) in
            if tensor.elementType != .string { tensor.replace(with: try tensor.tensor()) }
        }
        #expect(embedded == expected)
    }

    @Test func writingTwiceGivesTheSameBytes() throws {
        let directory = try TemporaryDirectory("write")
        let model = try largeModel()
        for name in ["a", "b"] {
            try FileManager.default.createDirectory(atPath: directory(name), withIntermediateDirectories: false)
            try model.write(to: directory(name + "/m.onnx"), options: lowered())
        }
        #expect(try directory.read("a/m.onnx") == directory.read("b/m.onnx"))
        #expect(try directory.read("a/m.onnx.data") == directory.read("b/m.onnx.data"))
    }

    @Test func aModelWithExternalDataIsWrittenWithItsOwn() throws {
        let directory = try TemporaryDirectory("write")
        try FileManager.default.createDirectory(atPath: directory("in"), withIntermediateDirectories: false)
        try FileManager.default.createDirectory(atPath: directory("out"), withIntermediateDirectories: false)
        try largeModel().write(to: directory("in/m.onnx"), options: lowered())
        let model = try Model.load(path: directory("in/m.onnx"))
        try model.write(to: directory("out/n.onnx"), options: lowered())
        let read = try Model.load(path: directory("out/n.onnx"))
        #expect(read.externalDataLocations == ["n.onnx.data"])
        #expect(try directory.read("out/n.onnx.data") == directory.read("in/m.onnx.data"))
        #expect(try read.embeddingExternalData() == model.embeddingExternalData())
        // Over itself: the names are taken, nothing changes.
        #expect(throws: ONNXError.self) { try model.write(to: directory("in/m.onnx"), options: lowered()) }
        try Model.load(path: directory("in/m.onnx")).safetyCheck()
    }

    @Test func nothingIsOverwrittenOrFollowed() throws {
        let directory = try TemporaryDirectory("write")
        try directory.write("mine", to: "victim")
        for target in ["link.onnx", "link.onnx.data"] {
            try FileManager.default.createSymbolicLink(atPath: directory(target), withDestinationPath: directory("victim"))
        }
        try FileManager.default.createSymbolicLink(atPath: directory("fresh.onnx.data"), withDestinationPath: directory("nowhere"))
        let model = try largeModel()
        for target in ["victim", "link.onnx", "fresh.onnx"] {
            #expect(throws: ONNXError.self) { try model.write(to: directory(target), options: lowered()) }
        }
        #expect(try directory.read("victim") == Array("mine".utf8))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: directory("link.onnx")) == directory("victim"))
        #expect(!FileManager.default.fileExists(atPath: directory("nowhere")))
        #expect(!FileManager.default.fileExists(atPath: directory("fresh.onnx")))
    }

    @Test func aTakenGraphNameLeavesNoWeightsBehind() throws {
        let directory = try TemporaryDirectory("write")
        try directory.write("mine", to: "m.onnx")
        #expect(throws: ONNXError.self) { try largeModel().write(to: directory("m.onnx"), options: lowered()) }
        #expect(directory.files() == ["m.onnx"])
    }
}
