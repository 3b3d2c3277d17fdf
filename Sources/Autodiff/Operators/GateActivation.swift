import ONNX

/// Describes an activation of a recurrent layer, with the parameters that ONNX Runtime uses for it. Operators name the activations of each
/// direction in order, and give `activation_alpha` and `activation_beta` to those that take them.
struct GateActivation {
    enum Function: String {
        // The names are in lower case, as ONNX Runtime compares them in LSTM and GRU.
        case sigmoid, tanh, relu, affine, softsign, softplus, elu
        case leakyRelu = "leakyrelu", thresholdedRelu = "thresholdedrelu", scaledTanh = "scaledtanh", hardSigmoid = "hardsigmoid"

        /// The name in the spelling of the standard, which RNN requires.
        var name: String {
            switch self {
            case .leakyRelu: "LeakyRelu"
            case .thresholdedRelu: "ThresholdedRelu"
            case .scaledTanh: "ScaledTanh"
            case .hardSigmoid: "HardSigmoid"
            default: rawValue.prefix(1).uppercased() + rawValue.dropFirst()
            }
        }

        fileprivate var takesAlpha: Bool { self == .leakyRelu || self == .thresholdedRelu || self == .elu || takesBeta }
        fileprivate var takesBeta: Bool { self == .affine || self == .scaledTanh || self == .hardSigmoid }
        /// The value of alpha if none is stated, in ONNX Runtime's LSTM and GRU and in the standard.
        fileprivate var usualAlpha: Float? {
            switch self {
            case .leakyRelu: 0.01
            case .hardSigmoid: 0.2
            case .elu: 1
            default: nil
            }
        }
        fileprivate var usualBeta: Float? { self == .hardSigmoid ? 0.5 : nil }
    }

    let function: Function
    private(set) var alpha: Float = 0
    private(set) var beta: Float = 0
    /// The limit of the argument, which is cut to the range from `-bound` to `bound`; nil without a limit.
    private(set) var bound: Double?

    /// Tells whether the slope follows from the value alone.
    var isInvertible: Bool { bound == nil && [.sigmoid, .tanh, .relu].contains(function) }

    /// The same activation without a bound.
    var unbounded: GateActivation {
        var made = self
        made.bound = nil
        return made
    }

    func value(_ argument: Symbol) -> Symbol {
        var argument = argument
        if let bound { argument = argument.clipped(-bound, bound) }
        let parameter = Attribute("alpha", .float(alpha))
        return switch function {
        case .sigmoid: argument.sigmoid
        case .tanh: argument.tanh
        case .relu: argument.map("Relu")
        case .affine: argument * Double(alpha) + Double(beta)
        case .leakyRelu: argument.map("LeakyRelu", [parameter])
        case .thresholdedRelu: argument.map("ThresholdedRelu", [parameter])
        case .scaledTanh: (argument * Double(beta)).tanh * Double(alpha)
        case .hardSigmoid: argument.map("HardSigmoid", [parameter, Attribute("beta", .float(beta))])
        case .elu: argument.map("Elu", [parameter])
        case .softsign: argument.map("Softsign")
        case .softplus: argument.map("Softplus")
        }
    }

    /// Returns the slope at `argument`, for which the activation gave `value`.
    func slope(_ value: Symbol, at argument: Symbol) -> Symbol {
        let type = value.elementType
        let own: Symbol =
            switch function {
            case .sigmoid: value * (1 - value)
            case .tanh: 1 - value.squared
            case .relu: (value > 0).mask(type)
            case .affine: value.zeros + Double(alpha)
            case .leakyRelu: (argument < 0).mask(type) * Double(alpha - 1) + 1
            case .thresholdedRelu: (argument > Double(alpha)).mask(type)
            case .scaledTanh: (1 - (argument * Double(beta)).tanh.squared) * Double(alpha * beta)
            case .hardSigmoid: (value > 0).and(value < 1).mask(type) * Double(alpha)
            case .elu: (argument < 0).mask(type) * (value + Double(alpha - 1)) + 1
            case .softsign: (argument.abs + 1).squared.reciprocal
            case .softplus: argument.sigmoid
            }
        // Between the bounds the argument is the given one; outside them it has no effect.
        return bound.map { own * (argument.abs < $0).mask(type) } ?? own
    }
}

// These functions read activations from a node.
extension GateActivation {
    /// Returns the activations of a node, in order; `standard` for each of `count` directions where it names none.
    static func all(of c: RuleContext, standard: [Function], count: Int) throws(AutodiffError) -> [GateActivation] {
        let isSimple = standard.count == 1
        var bound: Double?
        if let clip = c.node.attribute("clip")?.float {
            guard clip > 0 else { throw c.refused("it clips at \(clip), which ONNX Runtime and the standard read differently") }
            bound = Double(clip)
        }
        let expected = (0..<count).flatMap { _ in standard }
        var names = c.node.attribute("activations")?.strings ?? []
        if names.isEmpty { names = expected.map(\.name) }
        // The default of RNN has two names, whether there are two directions or one.
        if isSimple, count == 1, names.count == 2 { names.removeLast() }
        guard names.count == expected.count else { throw c.refused("it names \(names.count) activations for \(expected.count)") }
        var alphas = Parameters(c, "alpha", isByDirection: isSimple), betas = Parameters(c, "beta", isByDirection: isSimple)
        var made: [GateActivation] = []
        for (position, name) in names.enumerated() {
            guard let function = Function(rawValue: name.lowercased()) else {
                throw c.refused("its activation \(name) is none of the standard's")
            }
            guard !isSimple || name == function.name else {
                throw c.refused(
                    "ONNX Runtime does not know its activation \(name) for \(function.name) and takes Tanh; write \(function.name)")
            }
            var activation = GateActivation(function: function)
            activation.bound = bound
            if function.takesAlpha { activation.alpha = try alphas.next(function.usualAlpha, function, position) }
            if function.takesBeta { activation.beta = try betas.next(function.usualBeta, function, position) }
            made.append(activation)
        }
        return made
    }

    /// Gives the values of one attribute to activations. By the standard each activation that takes one gets the next; ONNX Runtime does so
    /// in LSTM and GRU, but in RNN it reads one for each direction. Where nothing is given it takes 0, except for the values of
    /// `usualAlpha` and `usualBeta` in LSTM and GRU.
    private struct Parameters {
        private let context: RuleContext
        private let name: String
        private let values: [Float]
        private let isByDirection: Bool
        private var taken = 0

        init(_ c: RuleContext, _ name: String, isByDirection: Bool) {
            context = c
            self.name = name
            values = c.node.attribute("activation_" + name)?.floats ?? []
            self.isByDirection = isByDirection
        }

        mutating func next(_ usual: Float?, _ function: Function, _ direction: Int) throws(AutodiffError) -> Float {
            defer { taken += 1 }
            guard taken < values.count else {
                if let usual, !isByDirection { return usual }
                throw context.refused(
                    "its activation \(function.name) states no \(name), for which ONNX Runtime and the standard take different values; "
                        + "state activation_\(name)")
            }
            if isByDirection, !(direction < values.count && values[direction] == values[taken]) {
                throw context.refused(
                    "ONNX Runtime reads activation_\(name) by direction and the standard by activation, which differ for \(function.name); "
                        + "state one value for each direction, the same")
            }
            return values[taken]
        }
    }
}
