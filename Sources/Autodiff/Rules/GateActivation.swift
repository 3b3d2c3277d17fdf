import ONNX

/// An activation of a recurrent layer, by the name that the operator's attributes give it.
enum GateActivation: String {
    // In lower case, as the engine compares them.
    case sigmoid, tanh, relu

    /// The activations of a node, in order: `standard` where it names none. Gates of LSTM and GRU have the standard ones only.
    static func all(of c: RuleContext, standard: [GateActivation], count: Int) throws(AutodiffError) -> [GateActivation] {
        if c.node.attribute("clip") != nil { throw c.refused("it clips its gates") }
        let expected = (0..<count).flatMap { _ in standard }
        let names = c.node.attribute("activations")?.strings ?? []
        if names.isEmpty { return expected }
        guard names.count == expected.count else { throw c.refused("it names \(names.count) activations for \(expected.count)") }
        var made: [GateActivation] = []
        for (name, usual) in zip(names, expected) {
            guard let kind = GateActivation(rawValue: name.lowercased()), kind == usual || standard.count == 1 else {
                throw c.refused("its activation \(name) in the place of \(usual.rawValue) has none")
            }
            made.append(kind)
        }
        return made
    }

    func value(_ argument: Symbol) -> Symbol {
        switch self {
        case .sigmoid: argument.sigmoid
        case .tanh: argument.tanh
        case .relu: argument.map("Relu")
        }
    }

    /// The slope where it gave `value`.
    func slope(_ value: Symbol) -> Symbol {
        switch self {
        case .sigmoid: value * (1 - value)
        case .tanh: 1 - value.squared
        case .relu: (value > 0).mask(value.elementType)
        }
    }
}
