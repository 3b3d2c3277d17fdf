import Foundation
import ONNX
import Tensors

/// Makes the channels of activations more alike, so that one scale fits them: each channel is divided by a factor, and the weights that
/// read it are multiplied by it, which leaves the results as they were but for rounding. (Xiao et al., SmoothQuant, 2023.) The factor of a
/// channel is `largest activation ^ strength / largest weight ^ (1 - strength)`. Run it before the model is quantized.
///
/// The division becomes part of the scale and shift of a LayerNormalization before, or of a Mul and an Add by constants, where only the
/// products read its result, and is a Mul of its own elsewhere. It is for MatMul and Gemm.
package struct Balancing: Quantizer {
    package var exclude: Set<String> = []
    /// The share of the differences that goes from the activations into the weights, from 0 to 1.
    package var strength: Float = 0.5
    package var channels: ChannelStatistics

    package init(_ channels: ChannelStatistics) { self.channels = channels }

    package var leastOperatorSet: Int64 { 7 }

    package func rewrite(_ rewriting: inout GraphRewriting) throws(QuantizationError) {
        guard (0...1).contains(strength) else {
            throw .invalidOption(name: "the strength", value: "\(strength)", reason: "it must be from 0 to 1")
        }
        var products: [Int: WeightedNode] = [:]
        var groups: [(value: String, products: [WeightedNode])] = []
        for (position, node) in rewriting.source.enumerated() {
            guard let product = rewriting.weighted(node, ["MatMul", "Gemm"]) else { continue }
            guard !product.transposesInput else {
                rewriting.leave(node.label, .setting("transA"))
                continue
            }
            products[position] = product
            if let group = groups.firstIndex(where: { $0.value == node.inputs[0] }) {
                groups[group].products.append(product)
            } else {
                groups.append((node.inputs[0], [product]))
            }
        }
        var factors: [String: [Float]] = [:]
        for (value, products) in groups {
            factors[value] = try self.factors(value, products, rewriting)
            if factors[value] == nil { for product in products { rewriting.leave(product.node.label, .notFinite) } }
        }
        let folded = Folding(factors: factors, readers: Set(products.keys), rewriting)
        var divided: [String: String] = [:]
        for (position, node) in rewriting.source.enumerated() {
            var node = try folded.divided(node, at: position, in: &rewriting)
            if let product = products[position], let factors = factors[product.node.inputs[0]] {
                let value = node.inputs[0]
                if !folded.values.contains(value) {
                    let name: String
                    if let known = divided[value] {
                        name = known
                    } else {
                        let inverse = try rewriting.floats(factors.map { 1 / $0 }, stem: value + "/factors")
                        name = rewriting.add("Mul", [value, inverse], stem: value + "/balanced")
                    }
                    divided[value] = name
                    node.inputs[0] = name
                }
                node.inputs[1] = try multiplied(product, factors, in: &rewriting)
                rewriting.noteQuantized(node.label)
            }
            rewriting.append(node)
        }
    }

    /// Returns the factor of each channel of a value; 1 where the channel or its weights are zero throughout. Returns nil where a weight is
    /// not finite.
    private func factors(
        _ value: String, _ products: [WeightedNode], _ rewriting: GraphRewriting
    ) throws(QuantizationError) -> [Float]? {
        guard let activations = channels.largest(products[0].channelKey) else { throw .calibration(value: value, problem: .missing) }
        var weights = [Float](repeating: 0, count: activations.count)
        for product in products {
            guard product.depth == activations.count else {
                throw .calibration(value: value, problem: .channels(found: activations.count, expected: product.depth))
            }
            try rewriting.tensor(product.weight).withFloats { numbers in
                for (position, number) in numbers.enumerated() {
                    let channel = product.channel(position)
                    weights[channel] = max(weights[channel], abs(number))
                }
            }
        }
        guard weights.allSatisfy(\.isFinite) else { return nil }
        return zip(activations, weights).map { activation, weight in
            guard activation > 0, weight > 0 else { return 1 }
            return min(max(pow(activation, strength) / pow(weight, 1 - strength), 1e-5), 1e5)
        }
    }

    private func multiplied(
        _ product: WeightedNode, _ factors: [Float], in rewriting: inout GraphRewriting
    ) throws(QuantizationError) -> String {
        try rewriting.tensor(product.weight).withFloats { (numbers) throws(QuantizationError) in
            try rewriting.weight(.float32, product.weight.shape, stem: product.weight.name + "/balanced") { range, bytes in
                for (offset, position) in range.enumerated() {
                    bytes.storeBytes(
                        of: numbers[position] * factors[product.channel(position)], toByteOffset: offset * 4, as: Float.self)
                }
            }
        }
    }
}

extension WeightedNode {
    /// The channel of the input that an element of a matrix is multiplied with.
    fileprivate func channel(_ position: Int) -> Int { isTransposed ? position % depth : position / columns }
}

/// Finds the constants before a value that can take a division.
private struct Folding {
    /// The values that need no Mul.
    private(set) var values: Set<String> = []
    /// The inputs to divide, with the factors, of nodes by position.
    private var inputs: [Int: (positions: [Int], factors: [Float])] = [:]

    init(factors: [String: [Float]], readers: Set<Int>, _ rewriting: GraphRewriting) {
        for (value, factors) in factors {
            guard let position = rewriting.index.producers[value], !rewriting.outputs.contains(value),
                // A Gemm may read the value as its bias, too.
                (rewriting.index.consumers[value] ?? []).allSatisfy({
                    readers.contains($0) && rewriting.source[$0].inputs.lastIndex(of: value) == 0
                })
            else { continue }
            let node = rewriting.source[position]
            func isVector(_ name: String) -> Bool {
                guard let stored = rewriting.constant(name) else { return false }
                return stored.elementType == .float32 && stored.shape.dimensions.last == factors.count
                    && stored.elementCount == factors.count
            }
            func vector(_ node: Node) -> Int? { node.inputs.count == 2 ? node.inputs.indices.first { isVector(node.inputs[$0]) } : nil }
            switch node.qualifiedType {
            case "LayerNormalization":
                let given = (1..<node.inputs.count).filter { !node.inputs[$0].isEmpty }
                guard !given.isEmpty, given.allSatisfy({ isVector(node.inputs[$0]) }) else { continue }
                inputs[position] = (given, factors)
            case "Mul":
                guard let constant = vector(node) else { continue }
                inputs[position] = ([constant], factors)
            case "Add":
                guard let shift = vector(node), let before = rewriting.index.producers[node.inputs[1 - shift]],
                    rewriting.source[before].qualifiedType == "Mul", let scale = vector(rewriting.source[before]),
                    !rewriting.outputs.contains(node.inputs[1 - shift]), rewriting.index.consumers[node.inputs[1 - shift]] == [position]
                else { continue }
                inputs[position] = ([shift], factors)
                inputs[before] = ([scale], factors)
            default: continue
            }
            values.insert(value)
        }
    }

    /// Returns a node with its constants divided, if they are to be.
    func divided(_ node: Node, at position: Int, in rewriting: inout GraphRewriting) throws(QuantizationError) -> Node {
        guard let (positions, factors) = inputs[position] else { return node }
        var node = node
        for input in positions {
            guard let stored = rewriting.constant(node.inputs[input]), let numbers = try rewriting.tensor(stored).values(as: Float.self)
            else { continue }
            node.inputs[input] = try rewriting.floats(
                zip(numbers, factors).map { $0 / $1 }, stored.shape, stem: node.inputs[input] + "/balanced")
        }
        return node
    }
}
