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
        var apart = Set(model.graph.outputs.map(\.name))
        // Running statistics move with the batches of their own layer.
        model.graph.forEachNode { if $0.operatorType == "BatchNormalization" { apart.formUnion($0.inputs.dropFirst(3)) } }
        let directory = model.graph.initializers.contains(where: \.isExternal) ? try model.externalData() : nil
        var alike: [Kind: [StoredTensor]] = [:]
        var order: [Kind] = []
        for tensor in model.graph.initializers {
            guard let type = tensor.elementType, type == .float32 || type == .float64, tensor.elementCount ?? 0 >= Self.fewestElements,
                !apart.contains(tensor.name), !untie.matchesAny(of: tensor.name)
            else { continue }
            let kind = Kind(type: type, shape: tensor.shape)
            if alike[kind] == nil { order.append(kind) }
            alike[kind, default: []].append(tensor)
        }
        for kind in order {
            guard let tensors = alike[kind], tensors.count > 1 else { continue }
            // The first bytes distinguish nearly all of them, so that few are in memory at a time.
            var known: [[UInt8]: [StoredTensor]] = [:]
            for stored in tensors {
                let tensor = try stored.tensor(externalData: directory)
                guard tensor.varies else { continue }
                let head = Array(tensor.bytes.prefix(Self.headBytes))
                var first: StoredTensor?
                for other in known[head] ?? [] where first == nil {
                    if try other.tensor(externalData: directory).hasSameBytes(as: tensor) { first = other }
                }
                if let first { copies[first.name, default: []].append(stored.name) } else { known[head, default: []].append(stored) }
            }
        }
    }

    private static let headBytes = 256

    private struct Kind: Hashable {
        let type: ElementType
        let shape: Shape
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

extension Tensor {
    /// Tells whether the tensor has two elements that differ.
    fileprivate var varies: Bool {
        let width = elementType == .float64 ? 8 : 4
        return withExtendedLifetime(self) { bytes.count > width && !bytes.dropFirst(width).elementsEqual(bytes.dropLast(width)) }
    }

    fileprivate func hasSameBytes(as other: Tensor) -> Bool {
        withExtendedLifetime((self, other)) { bytes.count == other.bytes.count && bytes.elementsEqual(other.bytes) }
    }
}
