import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

@testable import Quantization

/// Models whose weights lie in external data are rewritten weight by weight.
@Suite struct StreamingTests {
    private static let quantizers: [any Quantizer] = {
        var byRow = DynamicInt8()
        byRow.scales = .row
        return [DynamicInt8(), byRow, WeightOnly(.int8), WeightOnly(.int4), Float16Storage()]
    }()

    /// What is written is what the rewriting in memory gives, also where the source's weights file has the same name.
    @Test(arguments: quantizers) func aWrittenModelIsTheOneInMemory(_ quantizer: any Quantizer) throws {
        let directory = try TemporaryDirectory("streaming")
        try directory.write("", to: "to/empty")
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        for (name, original) in [("chain", Models.chain()), ("transformer", Models.transformer())] {
            #expect(try original.write(to: directory("\(name).onnx"), options: options).count == 2)
            let loaded = try Model.load(path: directory("\(name).onnx"))
            var expected = original
            let report = try quantizer.run(&expected)
            #expect(try quantizer.write(loaded, as: "\(name).onnx", to: directory.target("to/")) == report)
            let written = try Model.load(path: directory("to/\(name).onnx"))
            #expect(written.hasExternalData && written.externalDataLocations == ["\(name).onnx.data"])
            let embedded = try written.embeddingExternalData()
            #expect(embedded.graph.nodes == expected.graph.nodes && embedded.operatorSets == expected.operatorSets)
            #expect(embedded.graph.initializers.map(\.name) == expected.graph.initializers.map(\.name))
            for (one, other) in zip(embedded.graph.initializers, expected.graph.initializers) {
                #expect(one.elementType == other.elementType && one.shape == other.shape)
                let left = try one.tensor(), right = try other.tensor()
                #expect(left.bytes.elementsEqual(right.bytes), "\(one.name)")
                withExtendedLifetime((left, right)) {}
            }
        }
    }

    @Test func nothingIsLeftWhereItFails() throws {
        let directory = try TemporaryDirectory("streaming")
        var quantizer = DynamicInt8()
        quantizer.exclude = ["product"]
        #expect(throws: QuantizationError.self) { try quantizer.write(Models.product(), as: "m.onnx", to: directory.target("")) }
        #expect(directory.files() == [])
        // A file that is there is never replaced, and stays.
        try directory.write("mine", to: "m.onnx")
        #expect(throws: QuantizationError.self) { try DynamicInt8().write(Models.product(), as: "m.onnx", to: directory.target("")) }
        #expect(directory.files() == ["m.onnx"])
        try directory.write("mine", to: "n.onnx.data")
        #expect(throws: QuantizationError.self) { try DynamicInt8().write(Models.product(), as: "n.onnx", to: directory.target("")) }
        #expect(directory.files() == ["m.onnx", "n.onnx.data"])
    }

    // MARK: Memory

    private static let peak = PeakMemory(test: "QuantizationTests.StreamingTests/child")
    private static let weights = 16, side = 1024

    /// 64 MiB of weights are rewritten with what one of them takes, 4 MiB, and a constant of 12. In memory the results alone are 32 and
    /// 16 MiB.
    @Test func thePeakIsThatOfOneWeight() throws {
        guard Self.peak.task == nil else { return }
        let directory = try TemporaryDirectory("streaming")
        let weight = Models.weight([Self.side, Self.side])
        let nodes = (0..<Self.weights).map { Node("MatMul", ["x\($0)", "w\($0)"], ["x\($0 + 1)"], name: "n\($0)") }
        let model = Models.model(
            nodes, inputs: [("x0", [.symbolic("n"), .fixed(Self.side)])], initializers: (0..<Self.weights).map { ("w\($0)", weight) },
            outputs: ["x\(Self.weights)"])
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        try model.write(to: directory("m.onnx"), options: options)
        let base = try Self.peak.measure([directory("m.onnx"), "none", ""])
        for form in ["float16", "int8"] {
            let peak = try Self.peak.measure([directory("m.onnx"), form, directory("")])
            #expect(peak < base + (4 + 12) << 20, "\(form): \(peak >> 20) MiB, and \(base >> 20) without")
        }
    }

    /// What the child does.
    @Test(.enabled(if: peak.task != nil)) func child() throws {
        let words = try #require(Self.peak.task)
        let model = try Model.load(path: words[0])
        switch words[1] {
        case "float16": try Float16Storage().write(model, as: "\(words[1]).onnx", to: Model.Target(folder: words[2]))
        case "int8": try DynamicInt8().write(model, as: "\(words[1]).onnx", to: Model.Target(folder: words[2]))
        default: break
        }
        try Self.peak.report()
    }
}

extension TemporaryDirectory {
    fileprivate func target(_ folder: String) -> Model.Target { Model.Target(folder: self(folder)) }
}
