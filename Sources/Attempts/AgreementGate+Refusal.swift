package import Recipes

extension AgreementGate {
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
    private func shown(_ value: Double) -> String { sixDigits(value, rounded: .down) }
}

extension MetricGate {
    /// Returns why a way of executing the model does not pass; nil where it does.
    package func refusal(of found: Double, original: Double) -> String? {
        guard !passes(found, against: original) else { return nil }
        let lost = metric.improvement(of: original, over: found)
        return "\(metric.rawValue) \(Self.shown(found)), worse than \(Self.shown(original)) by \(Self.shown(lost)), more than "
            + Self.shown(dropAtMost)
    }

    private static func shown(_ value: Double) -> String { sixDigits(value, rounded: .toNearestOrAwayFromZero) }
}

/// Returns a number with six digits after the point at most, and none where it is whole.
private func sixDigits(_ value: Double, rounded rule: FloatingPointRoundingRule) -> String {
    let digits = "\((value * 1e6).rounded(rule) / 1e6)"
    return digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
}
