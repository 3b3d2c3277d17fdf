import ONNX
import PipelineConfig
import Tensors
import Training
import Watcher

extension FuzzBench {
    /// The most bytes of a tensor that are made of a small file here: the shape of one without data may ask for any size.
    private static let largestTensor = 1 << 24

    /// Does what a stage does to a model that it has read.
    func readModel() throws {
        _ = FormatCheck.check(path: file)
        let model = try Model.load(path: file)
        let written = try model.serialized()
        let again = try Model(serialized: written).serialized()
        precondition(again == written, "a model that is written is another one")
        _ = model.inspection().description
        _ = model.requiredOperators
        _ = model.graph.index
        try model.safetyCheck()
        _ = try model.inferTypes()
        let externalData = try model.externalData()
        var failure: ONNXError?
        model.forEachTensor { _, tensor in
            guard (tensor.byteCount ?? 0) < Self.largestTensor else { return }
            do throws(ONNXError) { _ = try tensor.tensor(externalData: externalData) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func readPipeline(_ bytes: [UInt8]) throws {
        let pipeline = try PipelineFile.read(bytes, source: file, root: folder)
        let again = try PipelineFile.read(bytes, source: file, root: folder)
        precondition(pipeline.revision == again.revision, "a revision that changes")
    }

    func readSafetensors() throws {
        let tensors = try Safetensors.read(file)
        precondition(tensors.allSatisfy { $0.tensor.bytes.count <= FuzzTarget.largestInput }, "more bytes than the file has")
    }
}
