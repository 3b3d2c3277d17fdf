import ONNX
import Tensors

/// Differentiates Einsum. The gradient by one operand is an Einsum again, of the cotangent and the other operands, with the labels of this
/// operand as output. A label that the operand has twice (a diagonal) gets two names, tied by an identity matrix. A label that nothing else
/// has (it was summed over) is spread by a list of ones.
enum Einsum {
    @Sendable static func rule(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        var equation = try Equation(c)
        var results: [Symbol?] = []
        for position in c.node.inputs.indices {
            guard c.needs(position) else {
                results.append(nil)
                continue
            }
            let operand = c.input(position)
            var terms = [(equation.output, c.dy)]
            for other in c.node.inputs.indices where other != position { terms.append((equation.operands[other], c.input(other))) }
            var labels: [Character] = []
            for (axis, label) in equation.operands[position].enumerated() {
                let extent = operand.extent(axis)
                if labels.contains(label) {
                    let second = try equation.fresh(c)
                    let square = c.graph.filled(0, extent.concatenated([extent]), type: operand.elementType)
                    terms.append(([label, second], square.map("EyeLike")))
                    labels.append(second)
                    continue
                }
                labels.append(label)
                if !terms.contains(where: { $0.0.contains(label) }) {
                    terms.append(([label], c.graph.filled(1, extent, type: operand.elementType)))
                }
            }
            let text = terms.map { String($0.0) }.joined(separator: ",") + "->" + String(labels)
            let product = terms[0].1.apply("Einsum", terms.dropFirst().map(\.1), [Attribute("equation", .string(text))])
            results.append(equation.hasEllipsis ? Broadcasting.reduce(product, to: operand) : product)
        }
        return results
    }

    /// Holds the labels of each operand and of the output. An ellipsis is replaced by labels of its own.
    private struct Equation {
        var operands: [[Character]]
        var output: [Character]
        let hasEllipsis: Bool
        private var free: [Character]

        init(_ c: RuleContext) throws(AutodiffError) {
            let text = c.string("equation", "").filter { $0 != " " }
            let halves = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            let sides = halves[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard sides.count == c.node.inputs.count else { throw c.refused("its equation '\(text)' does not fit its operands") }
            let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
            var free = letters.filter { !text.contains($0) }.map { $0 }
            var widest = 0
            hasEllipsis = text.contains(".")
            for (position, side) in sides.enumerated() where side.contains(".") {
                widest = max(widest, try c.rank(position) - side.filter { $0 != "." }.count)
            }
            guard free.count >= widest else { throw c.refused("its equation has too many labels") }
            let wide = Array(free.suffix(widest))
            free.removeLast(widest)
            operands = []
            for (position, side) in sides.enumerated() {
                let own = side.contains(".") ? try c.rank(position) - side.filter { $0 != "." }.count : 0
                operands.append(Self.spelled(side, Array(wide.suffix(own))))
            }
            if halves.count == 2 {
                output = Self.spelled(String(halves[1].dropFirst()), wide)
            } else {
                let all = operands.flatMap { $0 }
                let once = Set(all.filter { label in !wide.contains(label) && all.count { $0 == label } == 1 })
                output = wide + once.sorted()
            }
            self.free = free
        }

        mutating func fresh(_ c: RuleContext) throws(AutodiffError) -> Character {
            guard let label = free.popLast() else { throw c.refused("its equation has too many labels") }
            return label
        }

        private static func spelled(_ side: String, _ wide: [Character]) -> [Character] {
            var labels: [Character] = []
            var dots = 0
            for character in side {
                if character != "." { labels.append(character); continue }
                dots += 1
                if dots == 1 { labels += wide }
            }
            return labels
        }
    }
}
