import ArgumentParser

/// Names the precisions among which a measurement decides.
package enum PrecisionArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// All precisions that need nobody's consent: float32 and bfloat16.
    case auto
    case float32, bfloat16
}
