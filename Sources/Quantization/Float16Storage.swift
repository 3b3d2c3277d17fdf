import ONNX
import Passes
import Tensors

/// Stores weights as float16, with a Cast after each: half the bytes, while all is computed in float32 as before. What reads a weight,
/// subgraphs too, reads the result of the Cast under the weight's name.
package struct Float16Storage: Quantizer {
    /// The size below which a weight stays as it is, since what it saves is not worth a node.
    static let leastElements = 1024

    /// The weights that these nodes read stay in float32.
    package var exclude: Set<String> = []

    package init() {}

    package var leastOperatorSet: Int64 { 6 }

    package func rewrite(_ rewriting: inout GraphRewriting) throws(QuantizationError) {
        let excluded = Set(rewriting.source.filter { exclude.contains($0.label) }.flatMap(\.inputs))
        for weight in rewriting.initializers {
            guard let type = weight.elementType, type.isFloatingPoint, let count = weight.elementCount, count >= Self.leastElements else {
                continue
            }
            guard type == .float32 else {
                rewriting.leave(weight.name, .elementType(type))
                continue
            }
            guard !excluded.contains(weight.name) else {
                rewriting.leave(weight.name, .excluded)
                continue
            }
            if let left = try narrow(weight, in: &rewriting) { rewriting.leave(weight.name, left) }
        }
        for node in rewriting.source { rewriting.append(node) }
    }

    /// Replaces a weight; returns why it stays, where it does.
    private func narrow(_ weight: StoredTensor, in rewriting: inout GraphRewriting) throws(QuantizationError) -> LeftReason? {
        try rewriting.tensor(weight).withFloats { (numbers) throws(QuantizationError) -> LeftReason? in
            for number in numbers where !Float16(number).isFinite { return number.isFinite ? .tooLarge : .notFinite }
            let half = try rewriting.weight(.float16, weight.shape, stem: weight.name + "/float16") { range, bytes in
                for (offset, position) in range.enumerated() {
                    bytes.storeBytes(of: Float16(numbers[position]).bitPattern, toByteOffset: offset * 2, as: UInt16.self)
                }
            }
            rewriting.remove(weight)
            _ = rewriting.add("Cast", [half], [.castTo(.float32)], output: weight.name)
            rewriting.noteQuantized(weight.name)
            return nil
        }
    }
}
