/// Tells which part of its work an attempt is doing, as far as limits tell the parts apart.
package enum AttemptPhase: String, Codable, Sendable, Hashable {
    /// A model is read, checked or loaded into the engine, which `limits.load_time` bounds.
    case loading
    /// Everything else.
    case working
}
