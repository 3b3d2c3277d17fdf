import Foundation
import ONNX

/// An activation of a recurrent layer, by the name that the operator's attributes give it, behind the cut that the layer makes of its argument.
struct GateActivation {
    private let kind: Kind
    private let alpha: Double
    private let beta: Double
    /// Arguments are cut to plus and minus this.
    private let clip: Double?

    /// The names in lower case, as the engine compares them.
    enum Kind: String, CaseIterable {
        case sigmoid, tanh, relu, affine, leakyrelu, thresholdedrelu, scaledtanh, hardsigmoid, elu, softsign, softplus

        fileprivate var defaults: (alpha: Double?, beta: Double?) {
            switch self {
            case .affine: (1, 0)
            case .leakyrelu: (0.01, nil)
            case .thresholdedrelu, .elu: (1, nil)
            case .scaledtanh: (1, 1)
            case .hardsigmoid: (0.2, 0.5)
            case .sigmoid, .tanh, .relu, .softsign, .softplus: (nil, nil)
            }
        }
    }

    /// The activations of a node, in order: `standard` where it names none. Its lists of alpha and beta go to those that take one, in turn.
    static func all(of c: RuleContext, standard: [Kind], count: Int) throws(AutodiffError) -> [GateActivation] {
        let names = c.node.attribute("activations")?.strings ?? []
        guard names.isEmpty || names.count == count * standard.count else {
            throw c.refused("it names \(names.count) activations for \(count * standard.count)")
        }
        var alphas = c.node.attribute("activation_alpha")?.floats ?? [], betas = c.node.attribute("activation_beta")?.floats ?? []
        func next(_ list: inout [Float], _ standard: Double?) -> Double {
            guard let standard else { return 0 }
            return list.isEmpty ? standard : Double(list.removeFirst())
        }
        let clip = c.node.attribute("clip")?.float.map(Double.init)
        var made: [GateActivation] = []
        for position in 0..<count * standard.count {
            var kind = standard[position % standard.count]
            if !names.isEmpty {
                guard let named = Kind(rawValue: names[position].lowercased()) else { throw c.refused("its activation \(names[position]) is not known") }
                kind = named
            }
            made.append(
                GateActivation(kind: kind, alpha: next(&alphas, kind.defaults.alpha), beta: next(&betas, kind.defaults.beta), clip: clip))
        }
        return made
    }

    /// The same without the cut.
    var unclipped: GateActivation { GateActivation(kind: kind, alpha: alpha, beta: beta, clip: nil) }

    func value(_ argument: Symbol) -> Symbol {
        let x = cut(argument)
        func float(_ name: String, _ value: Double) -> Attribute { Attribute(name, .float(Float(value))) }
        switch kind {
        case .sigmoid: return x.sigmoid
        case .tanh: return x.tanh
        case .relu: return x.map("Relu")
        case .affine: return x * alpha + beta
        case .leakyrelu: return x.map("LeakyRelu", [float("alpha", alpha)])
        case .thresholdedrelu: return x.map("ThresholdedRelu", [float("alpha", alpha)])
        case .scaledtanh: return (x * beta).tanh * alpha
        case .hardsigmoid: return x.map("HardSigmoid", [float("alpha", alpha), float("beta", beta)])
        case .elu: return x.map("Elu", [float("alpha", alpha)])
        case .softsign: return x.map("Softsign")
        case .softplus: return x.map("Softplus")
        }
    }

    /// The slope there, where `value` is what it gave.
    func slope(_ argument: Symbol, _ value: Symbol) -> Symbol {
        let own = ownSlope(cut(argument), value)
        guard let clip else { return own }
        return own * (argument.abs < clip).mask(argument.elementType)
    }

    /// The slope from the value alone, where that says it.
    func slope(fromValue value: Symbol) -> Symbol? {
        guard clip == nil else { return nil }
        switch kind {
        case .sigmoid, .tanh: return ownSlope(value, value)
        case .relu: return (value > 0).mask(value.elementType)
        default: return nil
        }
    }

    private func cut(_ argument: Symbol) -> Symbol {
        guard let clip else { return argument }
        let graph = argument.graph, type = argument.elementType
        return argument.apply("Clip", [graph.scalar(-clip, type), graph.scalar(clip, type)], extents: argument.extents)
    }

    private func ownSlope(_ x: Symbol, _ y: Symbol) -> Symbol {
        let type = x.elementType
        switch kind {
        case .sigmoid: return y * (1 - y)
        case .tanh: return 1 - y.squared
        case .relu: return (x > 0).mask(type)
        case .affine: return x.zeros + alpha
        case .leakyrelu: return (x > 0).select(x.zeros + 1, alpha)
        case .thresholdedrelu: return (x > alpha).mask(type)
        case .scaledtanh: return (alpha - y.squared / alpha) * beta
        case .hardsigmoid: return (y > 0).and(y < 1).mask(type) * alpha
        case .elu: return (x > 0).select(x.zeros + 1, y + alpha)
        case .softsign: return (1 + x.abs).squared.reciprocal
        case .softplus: return x.sigmoid
        }
    }
}
