import ONNX
import Tensors

/// Writes activations, exact or not, with the bias that is added before.
enum StandardActivations {
    static func gelu(_ form: inout StandardForm) -> Bool {
        guard let x = form.input(0) else { return false }
        return give(x, exact: true, &form)
    }

    static func biasGelu(_ form: inout StandardForm) -> Bool {
        guard let x = form.input(0), let bias = form.input(1) else { return false }
        return give(form.add("Add", [x, bias]), exact: true, &form)
    }

    static func fastGelu(_ form: inout StandardForm) -> Bool {
        guard let x = form.input(0) else { return false }
        return give(form.input(1).map { form.add("Add", [x, $0]) } ?? x, exact: false, &form)
    }

    /// The node computes `x sigmoid(alpha x)`.
    static func quickGelu(_ form: inout StandardForm) -> Bool {
        guard let x = form.input(0), let type = form.floatType else { return false }
        let alpha = form.float("alpha", 1.702)
        let scaled = alpha == 1 ? x : form.add("Mul", [x, form.number(alpha, type)])
        form.give("Mul", [x, form.add("Sigmoid", [scaled])])
        return true
    }

    /// Makes a Gelu, which exists since version 20, or its formula in float32: `x (1 + erf(x / sqrt 2)) / 2`, or the one with tanh.
    private static func give(_ x: String, exact: Bool, _ form: inout StandardForm) -> Bool {
        guard let type = form.floatType else { return false }
        guard form.version < 20 else {
            form.give("Gelu", [x], exact ? [] : [Attribute("approximate", .string("tanh"))])
            return true
        }
        guard type == .float32, form.version >= 9 else { return false }
        let curve: String
        if exact {
            curve = form.add("Erf", [form.add("Mul", [x, form.number(0.5.squareRoot(), type)])])
        } else {
            let cube = form.add("Mul", [form.add("Mul", [x, x]), x])
            let sum = form.add("Add", [x, form.add("Mul", [cube, form.number(0.044715, type)])])
            curve = form.add("Tanh", [form.add("Mul", [sum, form.number((2 / Double.pi).squareRoot(), type)])])
        }
        let share = form.add("Add", [curve, form.number(1, type)])
        form.give("Mul", [form.add("Mul", [x, share]), form.number(0.5, type)])
        return true
    }
}

/// Holds the activation that a product is fused with, and its numbers in the order in which the fused node has them.
struct FusedActivation {
    private let type: String
    private let numbers: [Float]

    /// The activations with the names of their numbers.
    private static let attributes: [String: [String]] = [
        "Relu": [], "Tanh": [], "Sigmoid": [], "Softplus": [], "Softsign": [], "LeakyRelu": ["alpha"], "Elu": ["alpha"],
        "ThresholdedRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"],
    ]

    init(_ type: String, _ numbers: [Float]) {
        self.type = type
        self.numbers = numbers
    }

    /// Appends a node and the activation of what it makes. Returns false for an activation that is not known.
    func give(
        on operatorType: String, _ inputs: [String], _ attributes: [Attribute], _ elementType: ElementType, _ form: inout StandardForm
    ) -> Bool {
        if type.isEmpty {
            form.give(operatorType, inputs, attributes)
        } else if type == "Clip", numbers.count == 2 {
            let value = form.add(operatorType, inputs, attributes)
            if form.version >= 11 {
                form.give("Clip", [value] + numbers.map { form.number(Double($0), elementType) })
            } else {
                form.give("Clip", [value], [Attribute("min", .float(numbers[0])), Attribute("max", .float(numbers[1]))])
            }
        } else if let names = Self.attributes[type], numbers.count <= names.count {
            let value = form.add(operatorType, inputs, attributes)
            form.give(type, [value], zip(names, numbers).map { Attribute($0, .float($1)) })
        } else {
            return false
        }
        return true
    }
}
