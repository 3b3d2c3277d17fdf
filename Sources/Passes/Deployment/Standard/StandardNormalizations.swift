import ONNX
import Tensors

/// Writes normalizations of the last axis, with the sums that they are fused with.
enum StandardNormalizations {
    /// Before version 17, LayerNormalization is ONNX Runtime's alone.
    static func layer(_ form: inout StandardForm) -> Bool {
        guard form.version < 17, let x = form.input(0), let scale = form.input(1), !form.uses(1), !form.uses(2), form.isOfLastAxis,
            form.elementType(0) == form.elementType(1)
        else { return false }
        return giveLayer(x, scale, form.input(2), form.float("epsilon", 1e-5), &form)
    }

    static func rootMeanSquare(_ form: inout StandardForm) -> Bool {
        guard let x = form.input(0), let scale = form.input(1), !form.uses(1), form.isOfLastAxis,
            form.elementType(0) == form.elementType(1)
        else { return false }
        return giveRootMeanSquare(x, scale, form.float("epsilon", 1e-5), &form)
    }

    /// The node normalizes `input + skip + bias`; that sum is its fourth output.
    static func skipLayer(_ form: inout StandardForm) -> Bool {
        guard let scale = form.input(2), !form.uses(1), !form.uses(2), let sum = sum(bias: form.input(4), &form) else { return false }
        return giveLayer(sum, scale, form.input(3), form.float("epsilon", 1e-12), &form)
    }

    static func skipRootMeanSquare(_ form: inout StandardForm) -> Bool {
        guard let scale = form.input(2), !form.uses(1), !form.uses(2), let sum = sum(bias: form.input(3), &form) else { return false }
        return giveRootMeanSquare(sum, scale, form.float("epsilon", 1e-12), &form)
    }

    private static func sum(bias: String?, _ form: inout StandardForm) -> String? {
        guard let x = form.input(0), let skip = form.input(1) else { return nil }
        var operands = [x, skip]
        if let bias { operands = [form.add("Add", operands), bias] }
        guard form.uses(3) else { return form.add("Add", operands) }
        form.give("Add", operands, output: 3)
        return form.node.outputs[3]
    }

    /// The node normalizes the sum of the embeddings of words, positions and segments; that sum is its third output. Without positions a
    /// word's position is its place in the row.
    static func embedding(_ form: inout StandardForm) -> Bool {
        guard form.version >= 10, !form.uses(1), let words = form.input(0), let table = form.input(2), let places = form.input(3),
            let scale = form.input(5), form.input(1) == nil || form.input(4) != nil
        else { return false }
        guard let type = form.elementType(2), type == .float32 || type == .float64 else { return false }
        let word = form.add("Gather", [table, words])
        let position: String
        if let positions = form.input(8) {
            position = form.add("Gather", [places, positions])
        } else {
            let zero = form.integers([0])
            let length = form.add("Slice", [form.add("Shape", [words]), form.integers([1]), form.integers([2]), zero])
            position = form.add("Slice", [places, zero, length, zero])
        }
        var operands = [word, position]
        if let segments = form.input(1), let kinds = form.input(4) {
            operands = [form.add("Add", operands), form.add("Gather", [kinds, segments])]
        }
        let sum: String
        if form.uses(2) {
            form.give("Add", operands, output: 2)
            sum = form.node.outputs[2]
        } else {
            sum = form.add("Add", operands)
        }
        return giveLayer(sum, scale, form.input(6), form.float("epsilon", 1e-12), &form, of: type)
    }

    // MARK: Formulas

    private static func giveLayer(
        _ x: String, _ scale: String, _ bias: String?, _ epsilon: Double, _ form: inout StandardForm, of given: ElementType? = nil
    ) -> Bool {
        guard let type = given ?? form.floatType else { return false }
        guard form.version < 17 else {
            form.give("LayerNormalization", [x, scale] + (bias.map { [$0] } ?? []), [Attribute("epsilon", .float(Float(epsilon)))])
            return true
        }
        guard type == .float32 || type == .float64 else { return false }
        let centered = form.add("Sub", [x, mean(x, &form)])
        let normalized = divided(centered, by: centered, epsilon, type, &form)
        if let bias {
            form.give("Add", [form.add("Mul", [normalized, scale]), bias])
        } else {
            form.give("Mul", [normalized, scale])
        }
        return true
    }

    private static func giveRootMeanSquare(_ x: String, _ scale: String, _ epsilon: Double, _ form: inout StandardForm) -> Bool {
        guard let type = form.floatType else { return false }
        guard form.version < 23 else {
            form.give("RMSNormalization", [x, scale], [Attribute("epsilon", .float(Float(epsilon)))])
            return true
        }
        guard type == .float32 || type == .float64 else { return false }
        form.give("Mul", [divided(x, by: x, epsilon, type, &form), scale])
        return true
    }

    /// Divides a value by the root of the mean square of another.
    private static func divided(
        _ value: String, by other: String, _ epsilon: Double, _ type: ElementType, _ form: inout StandardForm
    ) -> String {
        let square = mean(form.add("Mul", [other, other]), &form)
        let root = form.add("Sqrt", [form.add("Add", [square, form.number(epsilon, type)])])
        return form.add("Div", [value, root])
    }

    private static func mean(_ value: String, _ form: inout StandardForm) -> String {
        form.version < 18
            ? form.add("ReduceMean", [value], [Attribute("axes", .ints([-1]))]) : form.add("ReduceMean", [value, form.integers([-1])])
    }
}

extension StandardForm {
    fileprivate var isOfLastAxis: Bool {
        let axis = int("axis", -1)
        return axis == -1 || rank(0).map { Int64($0) - 1 == axis } ?? false
    }
}
