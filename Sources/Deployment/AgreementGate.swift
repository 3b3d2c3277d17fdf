package import Attempts

/// Decides whether the outputs of a candidate are near enough to those of the model as it was published.
package struct AgreementGate: Codable, Sendable, Hashable {
    /// The least cosine between all values of an output and those of the original.
    package var cosine: Double
    /// The least share of rows whose greatest score stays in its column.
    package var sameTop: Double

    /// The gate of a precision that nobody asked for by name.
    package static let strict = AgreementGate(cosine: 0.9999, sameTop: 1)

    package init(cosine: Double, sameTop: Double) {
        self.cosine = cosine
        self.sameTop = sameTop
    }

    /// Returns why the outputs do not pass; nil where they do.
    package func refusal(of outputs: [OutputAgreement]) -> String? {
        guard !outputs.isEmpty else { return "no output was compared" }
        for output in outputs {
            if output.nonFinite > 0 { return "\(output.output): \(output.nonFinite) values are not finite in only one of the two" }
            if let found = output.cosine, found < cosine { return "\(output.output): cosine \(shown(found)), below \(shown(cosine))" }
            if let found = output.sameTop, found < sameTop {
                return
                    "\(output.output): the greatest score stays in its column in \(shown(found)) of the rows, less than \(shown(sameTop))"
            }
        }
        return nil
    }

    /// Returns a number that is near 1 so that its distance from 1 is seen.
    private func shown(_ value: Double) -> String {
        let digits = "\((value * 1e6).rounded(.down) / 1e6)"
        return digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
    }
}
