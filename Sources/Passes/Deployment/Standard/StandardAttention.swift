import ONNX
import Tensors

/// Writes ONNX Runtime's Attention, in which one product makes queries, keys and values of `[batch, sequence, width]`.
enum StandardAttention {
    /// Without a state, with no mask or one of 0 and 1 for each place `[batch, sequence]`, in float32, for constant weights.
    static func attention(_ form: inout StandardForm) -> Bool {
        guard form.version >= 11, form.elementType(0) == .float32, let x = form.input(0), let weights = form.input(1),
            form.input(4) == nil, form.input(6) == nil, form.int("do_rotary") == 0, !form.uses(1),
            form.input(3) == nil || form.rank(3) == 2 && form.elementType(3) == .int32,
            form.int("unidirectional") == 0, let widths = widths(form), widths[0] == widths[1]
        else { return false }
        let heads = form.int("num_heads")
        guard heads > 0, widths.allSatisfy({ $0 > 0 && $0 % heads == 0 }) else { return false }
        var product = form.add("MatMul", [x, weights])
        if let bias = form.input(2) { product = form.add("Add", [product, bias]) }
        let queries = split(product, from: 0, width: widths[0], heads, [0, 2, 1, 3], &form)
        let keys = split(product, from: widths[0], width: widths[1], heads, [0, 2, 3, 1], &form)
        let values = split(product, from: widths[0] + widths[1], width: widths[2], heads, [0, 2, 1, 3], &form)
        let given = form.float("scale", 0)
        let scale = given == 0 ? 1 / Double(widths[0] / heads).squareRoot() : given
        var scores = form.add("Mul", [form.add("MatMul", [queries, keys]), form.number(scale, .float32)])
        if let mask = form.input(3) { scores = form.add("Add", [scores, bias(of: mask, &form)]) }
        if let bias = form.input(5) { scores = form.add("Add", [scores, bias]) }
        let shares = form.add("Softmax", [scores], [Attribute("axis", .int(-1))])
        let mixed = form.add("Transpose", [form.add("MatMul", [shares, values])], [Attribute("perm", .ints([0, 2, 1, 3]))])
        form.give("Reshape", [mixed, form.integers([0, 0, widths[2]])])
        return true
    }

    /// Returns the widths of queries, keys and values together.
    private static func widths(_ form: StandardForm) -> [Int64]? {
        if let widths = form.node.attribute("qkv_hidden_sizes")?.ints, !widths.isEmpty { return widths.count == 3 ? widths : nil }
        guard let columns = form.extents(1)?.last?.value, columns % 3 == 0 else { return nil }
        return [Int64](repeating: Int64(columns / 3), count: 3)
    }

    /// Cuts some columns out of the product and gives each head its own, with the axes in an order.
    private static func split(
        _ product: String, from start: Int64, width: Int64, _ heads: Int64, _ order: [Int64], _ form: inout StandardForm
    ) -> String {
        let part = form.add(
            "Slice", [product, form.integers([start]), form.integers([start + width]), form.integers([2])])
        let split = form.add("Reshape", [part, form.integers([0, 0, heads, width / heads])])
        return form.add("Transpose", [split], [Attribute("perm", .ints(order))])
    }

    /// Returns what is added to the scores `[batch, heads, sequence, sequence]`: nothing where the mask is positive, else a large negative
    /// number.
    private static func bias(of mask: String, _ form: inout StandardForm) -> String {
        let isHidden = form.add("Not", [form.add("Greater", [mask, form.integer(0)])])
        let number = form.add("Cast", [isHidden], [Attribute("to", .int(Int64(ElementType.float32.rawValue)))])
        let bias = form.add("Mul", [number, form.number(form.float("mask_filter_value", -10000), .float32)])
        // The mask's own axes, with two between them: 0 keeps the first.
        return form.add("Reshape", [bias, form.integers([0, 1, 1, -1])])
    }
}
