/// Names the precisions among which measurements decide.
package enum PrecisionRequest: String, Sendable, Codable, Hashable, CaseIterable {
    /// All precisions that need nobody's consent: float32 and bfloat16.
    case auto
    case float32, bfloat16
}
