import Columnar
import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

/// A tuned model is plain ONNX: what ONNX Runtime makes of it, a second runtime that shares nothing with it makes too.
@Suite struct SecondRuntimeTests {
    private func judge(_ model: String, inputs: String, outputs: String) throws -> (status: Int32, said: String) {
        try ProjectScript.run("oracle-reference", [model, inputs, outputs])
    }

    /// Models that PyTorch exported, one of each kind.
    @Test(arguments: [
        ("mlp", "cross_entropy"), ("cnn", "cross_entropy"), ("transformer", "cross_entropy"), ("gru", "mean_squared_error"),
        ("embedding", "binary_cross_entropy"),
    ])
    func aTunedModelGivesTheSameInBoth(_ name: String, _ loss: String) throws {
        let directory = try TemporaryDirectory("runtimes"), folder = ProjectScript.repository + "/Tests/TrainingGraphTests/Golden/"
        let golden = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: folder + name + ".golden.onnx")))
        func firstBatch(_ array: String) throws -> Tensor {
            let whole = try #require(golden.graph.initializers.first { $0.name == array }).tensor()
            let size = whole.bytes.count / whole.shape.dimensions[0]
            return try #require(
                Tensor(
                    elementType: whole.elementType, shape: Shape(Array(whole.shape.dimensions.dropFirst())),
                    bytes: UnsafeRawBufferPointer(rebasing: whole.bytes[..<size])))
        }
        let input = name == "embedding" ? "ids" : "x"
        let rows = (name: input, tensor: try firstBatch("input/" + input))
        try NamedArrays.write([rows], to: directory("rows.npz"))
        try NamedArrays.write([rows, ("target", try firstBatch("target"))], to: directory("labelled.npz"))
        let tuned = try DaemonProcess.command([
            "optimize", folder + name + ".onnx", "--labelled", directory("labelled.npz"), "--label", "target", "--loss", loss, "--out",
            directory("tuned.onnx"), "--validation", "0", "--epochs", "3", "--batch-size", "4", "--learning-rate", "0.01", "--threads", "1",
        ])
        #expect(tuned.status == 0, "\(tuned.error)")
        #expect(try directory.read("tuned.onnx") != Array(Data(contentsOf: URL(fileURLWithPath: folder + name + ".onnx"))))
        let scored = try DaemonProcess.command(["forward", directory("tuned.onnx"), directory("rows.npz"), directory("scores.npz")])
        #expect(scored.status == 0, "\(scored.error)")
        let verdict = try judge(directory("tuned.onnx"), inputs: directory("rows.npz"), outputs: directory("scores.npz"))
        #expect(verdict.status == 0, "\(verdict.said)")
        // The judge tells models apart: that of before is another.
        let other = try judge(folder + name + ".onnx", inputs: directory("rows.npz"), outputs: directory("scores.npz"))
        #expect(other.status != 0, "\(other.said)")
    }
}
