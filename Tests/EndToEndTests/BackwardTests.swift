import Columnar
import Foundation
import ONNX
import Tensors
import TestSupport
import Testing
import Training

/// `millrace backward` against PyTorch's gradients, which `TrainingGraphTests/Golden/make-golden.py` wrote: from files, through the
/// command, to files.
@Suite struct BackwardTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("TrainingGraphTests/Golden").path

    private static func golden(_ name: String) throws -> [String: Tensor] {
        let model = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).golden.onnx")))
        return Dictionary(uniqueKeysWithValues: try model.graph.initializers.map { ($0.name, try $0.tensor()) })
    }

    /// The first of the batches on the first axis.
    private static func firstBatch(_ tensor: Tensor) throws -> Tensor {
        let shape = Shape(Array(tensor.shape.dimensions.dropFirst()))
        let size = tensor.bytes.count / tensor.shape.dimensions[0]
        return try #require(
            Tensor(elementType: tensor.elementType, shape: shape, bytes: UnsafeRawBufferPointer(rebasing: tensor.bytes[..<size])))
    }

    private func backward(_ directory: TemporaryDirectory, _ model: String, _ more: [String]) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(["backward", model, directory("data.npz"), "--threads", "2"] + more)
    }

    /// Every array of `found` is PyTorch's, to 1e-4 of the larger of its own length and a thousandth of them all.
    private func compare(_ found: [(name: String, tensor: Tensor)], _ golden: [String: Tensor], prefix: String, _ place: String) throws {
        let wanted = golden.filter { $0.key.hasPrefix(prefix) }
        func length(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let whole = length(wanted.values.flatMap(\.floats).map(Double.init))
        for (key, tensor) in wanted {
            let name = String(key.dropFirst(prefix.count))
            let own = try #require(found.first { $0.name == name }?.tensor, "\(place): no array '\(name)' among \(found.map(\.name))")
            #expect(own.shape == tensor.shape, "\(place): \(name)")
            let expected = tensor.floats.map(Double.init), values = own.floats.map(Double.init)
            let error = length(zip(values, expected).map { $0 - $1 })
            #expect(error <= 1e-4 * max(length(expected), 1e-3 * whole), "\(place): \(name): \(error) of \(length(expected))")
        }
    }

    @Test(arguments: [
        ("mlp", "cross_entropy"), ("cnn", "cross_entropy"), ("transformer", "cross_entropy"), ("unet", "cross_entropy"),
        ("embedding", "binary_cross_entropy"), ("lstm", "mean_squared_error"), ("gru", "mean_squared_error"),
    ])
    func gradientsOfALossAgreeWithPyTorch(_ name: String, _ loss: String) throws {
        let directory = try TemporaryDirectory("backward"), golden = try Self.golden(name)
        var arrays = try golden.filter { $0.key.hasPrefix("input/") }.map {
            (name: String($0.key.dropFirst(6)), tensor: try Self.firstBatch($0.value))
        }
        arrays.append(("target", try Self.firstBatch(try #require(golden["target"]))))
        try NamedArrays.write(arrays, to: directory("data.npz"))
        for file in ["grads.npz", "grads.safetensors"] {
            let answer = try backward(
                directory, "\(Self.folder)/\(name).onnx",
                ["--loss", loss, "--label", "target", "--prediction", "y", "--out", directory(file)])
            #expect(answer.status == 0, "\(answer.error)")
            try compare(GradientFile.read(directory(file)), golden, prefix: "gradient/", file)
        }
    }

    @Test(arguments: [false, true])
    func withInputsTheirGradientsAreThereToo(isProduct: Bool) throws {
        let directory = try TemporaryDirectory("backward"), golden = try Self.golden("products")
        try NamedArrays.write(
            [("x", try #require(golden["input/x"])), ("target", try #require(golden["target"]))], to: directory("data.npz"))
        try GradientFile.write([("y", try #require(golden["cotangent"]))], to: directory("ybar.safetensors"))
        try GradientFile.write([("y", try #require(golden["cotangent"]))], to: directory("ybar.npz"))
        for (seed, out) in [("ybar.npz", "a.npz"), ("ybar.safetensors", "b.safetensors")] {
            let what = isProduct ? ["--cotangent", directory(seed)] : ["--loss", "cross_entropy", "--label", "target"]
            let answer = try backward(directory, Self.folder + "/mlp.onnx", what + ["--inputs", "--out", directory(out)])
            #expect(answer.status == 0, "\(answer.error)")
            try compare(GradientFile.read(directory(out)), golden, prefix: isProduct ? "product/" : "gradient/", out)
        }
    }

    @Test func whatIsWrongWithArraysIsSaid() throws {
        let directory = try TemporaryDirectory("backward"), model = Self.folder + "/mlp.onnx"
        let x = Tensor(.float32, [2, 8], [Float](repeating: 0.1, count: 16))
        try NamedArrays.write(
            [("x", x), ("t", Tensor(.int64, [2], [0, 9] as [Int64])), ("w", Tensor(.float32, [2], [1, 1] as [Float]))],
            to: directory("data.npz"))
        try NamedArrays.write([("z", x)], to: directory("ybar.npz"))
        for (options, words) in [
            (["--loss", "cross_entropy", "--label", "t"], "array 't', element 1: the class 9 is none of the model's 4"),
            (["--loss", "cross_entropy", "--label", "u"], "there is no array 'u' for the label; the arrays are 'x', 't', 'w'"),
            (["--cotangent", directory("ybar.npz")], "cotangent 'z': the model has no such output; it has y"),
        ] {
            let answer = try backward(directory, model, options + ["--out", directory("g.npz")])
            #expect(answer.status == 1 && answer.error.contains(words), "\(answer.error)")
            #expect(!directory.files().contains("g.npz"))
        }
    }

    /// `y = x + b` with `b` 0, so that the gradient of the input is that of the loss itself; `[N, 2C]` cut in two where the loss takes a
    /// pair.
    private static func identity(_ x: Tensor, isPair: Bool) -> Model {
        let dimensions = [Dimension.symbolic("N")] + x.shape.dimensions.dropFirst().map { .fixed($0) }
        let width = x.shape.dimensions.last ?? 1
        var nodes = [Node("Add", ["x", "b"], ["y"], name: "add")]
        var initializers = [StoredTensor("b", .float32, [width], [Float](repeating: 0, count: width))]
        if isPair {
            nodes.append(Node("Split", ["y", "sizes"], ["left", "right"], name: "cut", [Attribute("axis", .int(1))]))
            initializers.append(StoredTensor("sizes", .int64, [2], [Int64(width / 2), Int64(width / 2)]))
        }
        let half = Value("", .tensor(.float32, [.symbolic("N"), .fixed(width / 2)]))
        let graph = Graph(
            name: "identity", nodes: nodes, inputs: [Value("x", .tensor(.float32, dimensions))],
            outputs: isPair ? ["left", "right"].map { Value($0, half.type) } : [Value("y", .tensor(.float32, dimensions))],
            initializers: initializers)
        return Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
    }

    @Test(arguments: [
        ("cross_entropy", "cross_entropy"), ("cross_entropy_rows", "cross_entropy"), ("cross_entropy_ignored", "cross_entropy"),
        ("cross_entropy_smoothed", "cross_entropy=0.1"), ("binary_cross_entropy", "binary_cross_entropy"),
        ("binary_cross_entropy_positive", "binary_cross_entropy=3"), ("mean_squared_error", "mean_squared_error"),
        ("mean_squared_error_rows", "mean_squared_error"), ("mean_absolute_error", "mean_absolute_error"), ("huber", "huber=0.7"),
        ("quantile", "quantile=0.1,0.5,0.9"), ("poisson", "poisson"), ("cosine_embedding", "cosine_embedding"),
        ("cosine_embedding_pair", "cosine_embedding=-0.3"),
    ])
    func everyLossAgreesWithPyTorchWithItsWeights(_ name: String, _ loss: String) throws {
        let directory = try TemporaryDirectory("backward"), golden = try Self.golden("losses")
        let x = try #require(golden[name + "/x"])
        try directory.write(try Self.identity(x, isPair: name.hasSuffix("pair")).serialized(), to: "model.onnx")
        try NamedArrays.write(
            [("x", x)] + ["target", "weight"].map { ($0, try #require(golden["\(name)/\($0)"])) }, to: directory("data.npz"))
        let answer = try backward(
            directory, directory("model.onnx"),
            ["--loss", loss, "--label", "target", "--weight", "weight", "--inputs", "--out", directory("grads.npz"), "--json"])
        #expect(answer.status == 0, "\(answer.error)")
        struct Report: Decodable { let loss: Double }
        let report = try JSONDecoder().decode(Report.self, from: Data(answer.output.utf8))
        let value = try #require(golden[name + "/loss"]?.number(0))
        #expect(abs(report.loss - value) <= 1e-5 * max(abs(value), 1), "\(report.loss), PyTorch has \(value)")
        let found =
            try GradientFile.read(directory("grads.npz")).first { $0.name == "x" }.map { [(name: "gradient", tensor: $0.tensor)] } ?? []
        try compare(found, golden.filter { $0.key == name + "/gradient" }, prefix: name + "/", name)
    }
}
