import ONNX
import Tensors

/// Writes products as MatMulInteger. Weights and activations that several products share are quantized once.
struct IntegerProducts {
    /// The number of products of uint8 and int8 whose sum int32 always holds.
    static let largestDepth = Int(Int32.max) / (255 * 127)

    let scales: DynamicInt8.Scales
    let levels: WeightLevels
    let corrected: ChannelStatistics?
    private var factors: [FactorKey: Factor] = [:]
    private var activations: [String: Activations] = [:]

    private struct FactorKey: Hashable {
        let weight: String
        let isTransposed: Bool
        let alpha: Float
    }

    /// Names a weight as `[depth, columns]` of int8, its scales, and the sums of its columns in float.
    private struct Factor {
        let integers: String
        let scales: String
        let sums: String
    }

    /// Names activations as uint8, their scale, and what the integer zero stands for: an integer of the tensor, or a number of each row.
    private struct Activations {
        let integers: String
        let scale: String
        let zero: String
    }

    init(_ quantizer: DynamicInt8) {
        scales = quantizer.scales
        levels = quantizer.levels
        corrected = quantizer.corrected
    }

    /// Appends the nodes that compute a product, whose result keeps its name. Returns false where the weight cannot be quantized.
    mutating func replace(_ product: WeightedNode, in rewriting: inout GraphRewriting) throws(QuantizationError) -> Bool {
        let node = product.node
        guard product.depth <= Self.largestDepth else {
            rewriting.leave(node.label, .tooDeep(product.depth))
            return false
        }
        guard let factor = try self.factor(product, in: &rewriting) else {
            rewriting.leave(node.label, .notFinite)
            return false
        }
        var source = node.inputs[0]
        if product.transposesInput {
            source = rewriting.add("Transpose", [source], [Attribute("perm", .ints([1, 0]))], stem: source + "/transposed")
        }
        let activations = activations(source, in: &rewriting)
        let stem = node.outputs[0]
        let correction = try rewriting.correction(product, .channels(axis: product.outputAxis), levels.range, corrected)
        let bias = try rewriting.bias(of: product, plus: correction)
        let output = bias == nil ? node.outputs[0] : nil
        let last = bias == nil ? node.name : nil
        let byRow = scales == .row
        let zero = byRow ? [] : [activations.zero]
        let sums = rewriting.add("MatMulInteger", [activations.integers, factor.integers] + zero, stem: stem + "/sums")
        let wide = rewriting.add("Cast", [sums], [.castTo(.float32)], stem: stem + "/wide")
        let scale = rewriting.add("Mul", [activations.scale, factor.scales], stem: stem + "/scale")
        var result = rewriting.add(
            "Mul", [wide, scale], stem: stem + "/scaled", output: byRow ? nil : output, name: byRow ? nil : last)
        if byRow {
            let offset = rewriting.add("Mul", [activations.zero, factor.sums], stem: stem + "/offset")
            result = rewriting.add("Add", [result, offset], stem: stem + "/shifted", output: output, name: last)
        }
        if let bias { _ = rewriting.add("Add", [result, bias], output: node.outputs[0], name: node.name) }
        rewriting.noteQuantized(node.label)
        return true
    }

    private mutating func factor(_ product: WeightedNode, in rewriting: inout GraphRewriting) throws(QuantizationError) -> Factor? {
        let key = FactorKey(weight: product.weight.name, isTransposed: product.isTransposed, alpha: product.alpha)
        if let known = factors[key] { return known }
        let made = try rewriting.tensor(product.weight).withFloats { (numbers) throws(QuantizationError) -> Factor? in
            guard let grid = WeightGrid(numbers, product.shape, .channels(axis: product.outputAxis), levels.range) else { return nil }
            let (depth, columns, stem) = (product.depth, product.columns, product.weight.name)
            func position(_ element: Int) -> Int {
                product.isTransposed ? element % columns * depth + element / columns : element
            }
            let integers = try rewriting.weight(.int8, [depth, columns], stem: stem + "/int8") { range, bytes in
                for (offset, element) in range.enumerated() {
                    let from = position(element)
                    bytes[offset] = UInt8(truncatingIfNeeded: grid.integer(numbers[from], at: from))
                }
            }
            let scales = grid.scales.map { $0 * product.alpha }
            var sums = [Int](repeating: 0, count: columns)
            if self.scales == .row {
                for element in 0..<(depth * columns) {
                    let from = position(element)
                    sums[element % columns] += grid.integer(numbers[from], at: from)
                }
            }
            return Factor(
                integers: integers, scales: try rewriting.floats(scales, stem: stem + "/scales"),
                sums: self.scales == .row
                    ? try rewriting.floats(zip(sums, scales).map { Float(Double($0) * Double($1)) }, stem: stem + "/sums") : "")
        }
        factors[key] = made
        return made
    }

    private mutating func activations(_ source: String, in rewriting: inout GraphRewriting) -> Activations {
        if let known = activations[source] { return known }
        let made = scales == .tensor ? wholeTensor(source, in: &rewriting) : rowByRow(source, in: &rewriting)
        activations[source] = made
        return made
    }

    private func wholeTensor(_ source: String, in rewriting: inout GraphRewriting) -> Activations {
        let made = Activations(
            integers: rewriting.fresh(source + "/uint8"), scale: rewriting.fresh(source + "/scale"), zero: rewriting.fresh(source + "/zero")
        )
        rewriting.append(Node("DynamicQuantizeLinear", [source], [made.integers, made.scale, made.zero]))
        return made
    }

    /// Appends `integers = round((x - low) / step)` with `low` and `step = (high - low) / 255` of each row. The least step keeps a constant
    /// row from a division by zero; all its integers are then 0, and it is met exactly.
    private func rowByRow(_ source: String, in rewriting: inout GraphRewriting) -> Activations {
        func extreme(_ operatorType: String, _ stem: String, in rewriting: inout GraphRewriting) -> String {
            guard rewriting.operatorSet >= 18 else {
                return rewriting.add(operatorType, [source], [Attribute("axes", .ints([-1]))], stem: source + stem)
            }
            let axes = rewriting.constant(Tensor(.int64, [1], [Int64(-1)]), stem: source + "/axes")
            return rewriting.add(operatorType, [source, axes], stem: source + stem)
        }
        let low = extreme("ReduceMin", "/low", in: &rewriting), high = extreme("ReduceMax", "/high", in: &rewriting)
        let levels = rewriting.constant(Tensor(.float32, [], [Float(255)]), stem: source + "/levels")
        let least = rewriting.constant(Tensor(.float32, [], [Float(1e-30)]), stem: source + "/least")
        let span = rewriting.add("Sub", [high, low], stem: source + "/span")
        let step = rewriting.add("Max", [rewriting.add("Div", [span, levels], stem: source + "/exact"), least], stem: source + "/step")
        let shifted = rewriting.add("Sub", [source, low], stem: source + "/shifted")
        let scaled = rewriting.add("Div", [shifted, step], stem: source + "/scaled")
        let rounded = rewriting.add("Round", [scaled], stem: source + "/rounded")
        return Activations(
            integers: rewriting.add("Cast", [rounded], [.castTo(.uint8)], stem: source + "/uint8"), scale: step, zero: low)
    }
}

extension Attribute {
    static func castTo(_ type: ElementType) -> Attribute { Attribute("to", .int(Int64(type.rawValue))) }
}
