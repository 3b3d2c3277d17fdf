package import ONNX
import Tensors

/// Stores initializers of the outermost graph that are equal byte by byte once (`share_initializers`).
///
/// Weights that are trained must stay apart where they are equal by chance, such as biases of zeros, so that floating point counts only as
/// in `SharedWeights`, or as a single number. Initializers that a caller may override and those that are outputs stay apart.
package struct ShareInitializers: CountingPass {
    package let name = "share_initializers"
    package init() {}

    package func rewrite(_ model: inout Model) throws(PassError) -> Int {
        let hidden = model.graph.hiddenNames
        var apart = hidden.union(model.graph.outputs.map(\.name)).union(model.graph.runningStatistics)
        if model.irVersion >= 4 { apart.formUnion(model.graph.inputs.map(\.name)) }
        let tensors = model.graph.initializers.filter { !apart.contains($0.name) }
        let copies: [String: [String]]
        do throws(ONNXError) {
            let directory = tensors.contains(where: \.isExternal) ? try model.externalData() : nil
            copies = try EqualTensors.copies(among: tensors, externalData: directory) { tensor in
                guard tensor.elementType.isFloatingPoint, tensor.elementCount != 1 else { return true }
                return tensor.elementCount >= SharedWeights.fewestElements && tensor.elementType.bitWidth ?? 0 >= 8 && tensor.varies
            }
        } catch {
            throw PassError(
                pass: name, place: "initializers", reason: "\(error)", remedy: "put the weights files beside the model, or export it again")
        }
        guard !copies.isEmpty else { return 0 }
        model.bindInitializers()
        var sources: [String: String] = [:]
        for (first, others) in copies { for other in others { sources[other] = first } }
        model.graph.nodes = model.graph.nodes.map { $0.reading(sources) }
        model.graph.initializers.removeAll { sources[$0.name] != nil }
        model.graph.dropStaleValues()
        return sources.count
    }
}
