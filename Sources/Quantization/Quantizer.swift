package import ONNX
import Passes
package import Tensors

/// Rewrites a float32 model so that its weights take fewer bytes or its products are computed with integers, in operators of the default
/// domain. Nodes in subgraphs and in functions stay as they are, and the names of inputs, outputs and values too.
package protocol Quantizer: Sendable {
    /// The names of the nodes that stay in float (`Node.label`).
    var exclude: Set<String> { get }
    /// The first operator set that has the forms of this quantizer. A model of an older one is raised (`RaiseOpset`).
    var leastOperatorSet: Int64 { get }

    func rewrite(_ rewriting: inout GraphRewriting) throws(QuantizationError)
}

extension Quantizer {
    /// Rewrites a model in memory. Nothing is changed where it throws.
    @discardableResult
    package func run(_ model: inout Model) throws(QuantizationError) -> QuantizationReport {
        let (result, report) = try rewrite(model, into: EmbeddedWeights())
        model = result
        return report
    }

    /// Writes the rewritten model to new files, `name` and `name.data` (`ModelWriter`). One weight at a time is in memory, with its scales
    /// and a piece of what it becomes, so that the peak is that of the largest weight and a constant.
    @discardableResult
    package func write(
        _ model: Model, as name: String, to target: Model.Target, options: Model.WritingOptions = Model.WritingOptions()
    ) throws(QuantizationError) -> QuantizationReport {
        let writer = try QuantizationError.wrapping { () throws(ONNXError) in try ModelWriter(as: name, to: target, options: options) }
        let rewritten: (model: Model, report: QuantizationReport)
        do throws(QuantizationError) { rewritten = try rewrite(model, into: writer) } catch {
            writer.discard()
            throw error
        }
        _ = try QuantizationError.wrapping { () throws(ONNXError) in try writer.finish(rewritten.model) }
        return rewritten.report
    }

    private func rewrite(
        _ model: Model, into store: any WeightStore
    ) throws(QuantizationError) -> (model: Model, report: QuantizationReport) {
        var rewriting = try GraphRewriting(
            model.prepared(leastOperatorSet: leastOperatorSet), store: store, exclude: exclude)
        try rewrite(&rewriting)
        return try rewriting.finished()
    }
}

/// Keeps the weights that a rewriting makes: in the model, or in a file that is written meanwhile.
package protocol WeightStore {
    func append(
        _ name: String, _ type: ElementType, _ shape: Shape, filling fill: (Range<Int>, UnsafeMutableRawBufferPointer) -> Void
    ) throws(ONNXError) -> StoredTensor
}

extension ModelWriter: WeightStore {}

/// Keeps weights in memory.
struct EmbeddedWeights: WeightStore {
    func append(
        _ name: String, _ type: ElementType, _ shape: Shape, filling fill: (Range<Int>, UnsafeMutableRawBufferPointer) -> Void
    ) throws(ONNXError) -> StoredTensor {
        guard let count = shape.elementCount, let tensor = Tensor(zeros: type, shape: shape), case .buffer(let buffer) = tensor.storage
        else { throw .invalid(place: "tensor '\(name)'", reason: "the shape \(shape) has no byte count") }
        fill(0..<count, buffer.mutableBytes)
        return StoredTensor(name, tensor)
    }
}

extension QuantizationError {
    static func wrapping<Result>(_ body: () throws(ONNXError) -> Result) throws(QuantizationError) -> Result {
        do throws(ONNXError) { return try body() } catch { throw .model(error) }
    }
}
