import ONNX
import Tensors

/// Computes the outputs of a TreeEnsembleClassifier of two classes as ONNX Runtime does, which depends on the number of base values, on
/// whether leaves have values for the second class, and on whether any value is negative. A class for which the leaves have no value counts
/// as 0 in the end, whether it has a base value or not.
struct TwoClasses {
    let read: LeafValues
    let base: [Double]
    let transform: ScoreTransform
    let kind: LeafKind
    let type: ElementType
    let labels: Tensor

    /// Holds one form of the outputs: the scores `[N, 2]`, and the value `[N, 1]` that decides the label.
    private struct Ending {
        let scores: String
        let decisive: String
    }

    func give(_ l: inout Lowering, _ makesProbabilities: Bool) throws(Lowering.Refused) {
        let first = l.columns(read.total, 0..<1), second = l.columns(read.total, 1..<2)
        let ending: Ending
        switch read.presence[1] {
        case .always: ending = both(first, second, &l)
        case .never: ending = try one(first, second, &l)
        case .varies(let says):
            let yes = both(first, second, &l), no = try one(first, second, &l)
            ending = Ending(
                scores: l.add("Where", [says, yes.scores, no.scores]), decisive: l.add("Where", [says, yes.decisive, no.decisive]))
        }
        let threshold = kind.isBinary && kind.isNeverNegative ? 0.5 : 0
        let isPositive = l.cast(l.add("Greater", [ending.decisive, l.number(threshold, type)]), .int64)
        // Outside the two-class form, the answer is 0 or 1, whatever the labels are.
        let names = kind.isBinary || labels.elementType == .string ? labels : Tensor(.int64, [2], [0, 1] as [Int64])
        l.give(0, label: l.add("Reshape", [isPositive, l.integers([-1])]), of: names)
        if makesProbabilities { l.noteProbabilities(ending.scores) }
        l.give(1, ending.scores)
    }

    /// Returns the outputs for rows whose leaves have a value for the second class.
    private func both(_ first: String, _ second: String, _ l: inout Lowering) -> Ending {
        var a = first, b = second
        switch base.count {
        case 2:
            b = added(first, base[1], &l)
            a = counted(l.add("Neg", [b]), &l)
        case 1: a = counted(added(first, base[0], &l), &l)
        default: break
        }
        return Ending(scores: l.transformed(narrow(l.concatenated([a, b]), &l), transform), decisive: b)
    }

    /// Returns the outputs for rows whose leaves have no value for the second class: there is one score, from which that of the other class
    /// follows.
    private func one(_ first: String, _ second: String, _ l: inout Lowering) throws(Lowering.Refused) -> Ending {
        if base.count == 2 {
            let scores = l.concatenated([added(first, base[0], &l), second])
            return Ending(scores: l.transformed(narrow(scores, &l), transform), decisive: added(first, base[0], &l))
        }
        let score = base.count == 1 ? added(first, base[0], &l) : first
        // Where there is no second score, ONNX Runtime writes only one number.
        guard transform != .probit, kind.isBinary || base.isEmpty else { throw .notKnown }
        let narrow = narrow(score, &l)
        if transform == .logistic { return Ending(scores: l.twoClasses(narrow).probabilities, decisive: score) }
        if kind.isBinary, kind.isNeverNegative {
            return Ending(scores: l.concatenated([l.add("Sub", [l.number(1, .float32), narrow]), narrow]), decisive: score)
        }
        return Ending(scores: l.concatenated([l.add("Neg", [narrow]), narrow]), decisive: score)
    }

    /// Returns the score of the first class where the leaves have a value for it, and 0 otherwise.
    private func counted(_ value: String, _ l: inout Lowering) -> String {
        switch read.presence[0] {
        case .always: value
        case .never: l.add("Mul", [value, l.number(0, type)])
        case .varies(let says): l.add("Where", [says, value, l.number(0, type)])
        }
    }

    private func added(_ value: String, _ number: Double, _ l: inout Lowering) -> String { l.add("Add", [value, l.number(number, type)]) }
    private func narrow(_ value: String, _ l: inout Lowering) -> String { type == .float64 ? l.cast(value, .float32) : value }
}

extension LeafValues.Presence {
    /// Returns a column of bool as long as `scores`, where the presence is the same in all rows.
    func filled(like scores: String, _ type: ElementType, _ l: inout Lowering) -> String {
        let column = l.columns(scores, 0..<1)
        let all = l.add("Equal", [l.add("IsNaN", [column]), l.add("IsNaN", [column])])
        if case .never = self { return l.add("Not", [all]) }
        return all
    }
}
