package import ONNX
import Tensors

/// Finds the weights that a model in training form stores more than once: an exporter writes a weight that several layers share as one
/// initializer for each of them. In training they stay one weight, so that they stay equal.
///
/// Weights are shared if they have equal type, shape and bytes, more than 64 elements, and at least two different elements: biases of zeros
/// and scales of ones are equal by chance.
package struct SharedWeights: Sendable, Equatable {
    /// The copies of each weight that is kept in their place, in the order of the graph.
    package private(set) var copies: [String: [String]] = [:]

    static let fewestElements = 65

    /// Makes a value without shared weights.
    package init() {}

    /// - Parameters:
    ///   - model: a model in training form.
    ///   - untie: the patterns of weights that are not shared with any others.
    package init(_ model: Model, untie: [String] = []) throws(ONNXError) {
        let apart = Set(model.graph.outputs.map(\.name)).union(model.graph.runningStatistics)
        let directory = model.graph.initializers.contains(where: \.isExternal) ? try model.externalData() : nil
        let tensors = model.graph.initializers.filter { tensor in
            guard let type = tensor.elementType, type == .float32 || type == .float64 else { return false }
            return tensor.elementCount ?? 0 >= Self.fewestElements && !apart.contains(tensor.name) && !untie.matchesAny(of: tensor.name)
        }
        copies = try EqualTensors.copies(among: tensors, externalData: directory, where: \.varies)
    }

    package var isEmpty: Bool { copies.isEmpty }

    /// Returns the name of the weight itself, and those of its copies.
    package func names(of weight: String) -> [String] { [weight] + (copies[weight] ?? []) }

    /// The shared weights, each by its name, with the names of the others.
    package var others: [String: [String]] {
        var found: [String: [String]] = [:]
        for weight in copies.keys {
            let all = names(of: weight)
            for name in all { found[name] = all.filter { $0 != name } }
        }
        return found
    }

    /// Makes all readers of a copy read the weight that is kept for it, and removes the copies.
    package func tie(_ model: inout Model) {
        guard !isEmpty else { return }
        var sources: [String: String] = [:]
        for (weight, copies) in copies { for copy in copies { sources[copy] = weight } }
        model.graph = model.graph.reading(sources)
        model.graph.initializers.removeAll { sources[$0.name] != nil }
    }
}

extension Graph {
    /// The running statistics of normalizations, which move in training with the batches of their own layer.
    var runningStatistics: Set<String> {
        var names: Set<String> = []
        forEachNode { if $0.operatorType == "BatchNormalization" { names.formUnion($0.inputs.dropFirst(3)) } }
        return names
    }
}

extension Tensor {
    /// Tells whether the tensor has two elements that differ. It is for types whose elements are whole bytes.
    var varies: Bool {
        let width = (elementType.bitWidth ?? 8) / 8
        return withExtendedLifetime(self) { bytes.count > width && !bytes.dropFirst(width).elementsEqual(bytes.dropLast(width)) }
    }
}
