import ONNX
import Tensors

/// Writes products that are fused with what is around them.
enum StandardProducts {
    static func matMul(_ form: inout StandardForm) -> Bool {
        guard form.int("transBatchA") == 0, form.int("transBatchB") == 0, let type = form.floatType, var left = form.input(0),
            var right = form.input(1)
        else { return false }
        let alpha = form.float("alpha", 1)
        let turnsLeft = form.int("transA") != 0, turnsRight = form.int("transB") != 0
        if form.rank(0) == 2, form.rank(1) == 2, form.version >= 11, type == .float32 || type == .float64 {
            form.give(
                "Gemm", [left, right],
                [
                    Attribute("alpha", .float(Float(alpha))), Attribute("transA", .int(turnsLeft ? 1 : 0)),
                    Attribute("transB", .int(turnsRight ? 1 : 0)),
                ])
            return true
        }
        if turnsLeft {
            guard let rank = form.rank(0), rank >= 2 else { return false }
            left = transposed(left, rank, &form)
        }
        if turnsRight {
            guard let rank = form.rank(1), rank >= 2 else { return false }
            right = transposed(right, rank, &form)
        }
        if alpha == 1 {
            form.give("MatMul", [left, right])
        } else {
            form.give("Mul", [form.add("MatMul", [left, right]), form.number(alpha, type)])
        }
        return true
    }

    private static func transposed(_ value: String, _ rank: Int, _ form: inout StandardForm) -> String {
        let order = (0..<Int64(rank)).dropLast(2) + [Int64(rank) - 1, Int64(rank) - 2]
        return form.add("Transpose", [value], [Attribute("perm", .ints(Array(order)))])
    }

    static func gemm(_ form: inout StandardForm) -> Bool {
        guard let left = form.input(0), let right = form.input(1), form.input(2) != nil || form.version >= 11, let type = form.floatType
        else { return false }
        let numbers = ["alpha", "beta"].map { form.node.attribute("activation_" + $0)?.float }
        guard numbers[0] != nil || numbers[1] == nil else { return false }
        let activation = FusedActivation(form.string("activation"), numbers.compactMap { $0 })
        let attributes = form.attributes("alpha", "beta", "transA", "transB")
        return activation.give(
            on: "Gemm", [left, right] + (form.input(2).map { [$0] } ?? []), attributes, type, &form)
    }

    /// The node computes `activation(conv(x, w) + b + z)`.
    static func conv(_ form: inout StandardForm) -> Bool {
        guard let x = form.input(0), let weights = form.input(1), let type = form.floatType else { return false }
        let activation = FusedActivation(form.string("activation"), form.node.attribute("activation_params")?.floats ?? [])
        let attributes = form.attributes("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
        let operands = [x, weights] + (form.input(2).map { [$0] } ?? [])
        guard let other = form.input(3) else { return activation.give(on: "Conv", operands, attributes, type, &form) }
        return activation.give(on: "Add", [form.add("Conv", operands, attributes), other], [], type, &form)
    }

    /// The rows are quantized to uint8 as DynamicQuantizeLinear does it: by one scale and zero point for the whole value.
    static func dynamicQuantizeMatMul(_ form: inout StandardForm) -> Bool {
        guard form.version >= 11, form.elementType(0) == .float32, let x = form.input(0), let weights = form.input(1),
            let scale = form.input(2), form.rank(2).map({ $0 <= 1 }) ?? false
        else { return false }
        let quantized = form.add("DynamicQuantizeLinear", [x], outputs: 3)
        let product = form.add("MatMulInteger", [quantized[0], weights, quantized[2]] + (form.input(3).map { [$0] } ?? []))
        scaled(product, [quantized[1], scale], bias: form.input(4), &form)
        return true
    }

    static func matMulIntegerToFloat(_ form: inout StandardForm) -> Bool {
        guard form.version >= 10, let left = form.input(0), let right = form.input(1), let scale = form.input(2),
            let other = form.input(3), form.elementType(2) == .float32, form.rank(2) == 0, form.rank(3).map({ $0 <= 1 }) ?? false
        else { return false }
        var operands = [left, right, form.input(4) ?? "", form.input(5) ?? ""]
        while operands.last == "" { operands.removeLast() }
        scaled(form.add("MatMulInteger", operands), [scale, other], bias: form.input(6), &form)
        return true
    }

    private static func scaled(_ product: String, _ scales: [String], bias: String?, _ form: inout StandardForm) {
        let number = form.add("Cast", [product], [Attribute("to", .int(Int64(ElementType.float32.rawValue)))])
        let factors = [number, form.add("Mul", scales)]
        if let bias { form.give("Add", [form.add("Mul", factors), bias]) } else { form.give("Mul", factors) }
    }
}
