/// States how near the outputs of a model, executed in another way, must be to those of the model as it was published.
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
}
