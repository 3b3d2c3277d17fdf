/// A weight that low-rank factors stand beside: `W [K, M]` gets `scale * A B` with `A [K, rank]` and `B [rank, M]`.
struct AdaptedWeight: Sendable, Hashable {
    /// The initializer.
    let weight: String
    /// The parameters' names.
    let down: String
    let up: String
    let scale: Double
    /// Whether the initializer holds `W` transposed, `[M, K]`.
    let isTransposed: Bool
}
