/// Names the precisions among which measurements decide. What computes more exactly is tried too, so that nobody gets a slower model by
/// allowing a coarser one.
package enum PrecisionRequest: String, Sendable, Codable, Hashable, CaseIterable {
    /// All precisions that need nobody's consent: float32 and bfloat16.
    case auto
    case float32, bfloat16, float16, int8, int4

    /// The forms of the model that are tried beside the one that was published.
    package var forms: [ModelForm] {
        switch self {
        case .auto, .float32, .bfloat16: []
        case .float16: [.float16]
        case .int8: [.int8Static, .int8Dynamic, .int8Weights]
        case .int4: [.int4Weights]
        }
    }

    /// The gate where nobody states another. Integers are asked for by name, by someone who gives up some exactness for time or space: a
    /// cosine of 0.99 is a distance of about 14 % of the outputs' length, within which embeddings keep their neighbours and scores their
    /// ranks, and one row in twenty may change between classes that the model can hardly tell apart itself. Good recipes reach 0.997
    /// with int8 and a bad one 0.92, so that it lies between what is meant and what has failed.
    package var gate: AgreementGate {
        switch self {
        case .auto, .float32, .bfloat16, .float16: .strict
        case .int8, .int4: AgreementGate(cosine: 0.99, sameTop: 0.95)
        }
    }
}
