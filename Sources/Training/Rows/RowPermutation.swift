/// Gives a seeded order of `count` rows that takes no memory: a Feistel network over the next power of four, applied again until the result
/// is less than `count` (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
package struct RowPermutation: Sendable {
    package let count: Int
    private let halfBits: Int
    private let keys: [UInt64]

    package init(count: Int, seed: UInt64, epoch: Int) {
        self.count = count
        // There are two halves of the same width, of at least one bit each.
        let bits = max(Int.bitWidth - max(count - 1, 1).leadingZeroBitCount, 2)
        halfBits = (bits + 1) / 2
        var state = mixed(seed ^ mixed(UInt64(truncatingIfNeeded: epoch) &+ 0x9E37_79B9_7F4A_7C15))
        keys = (0..<6).map { _ in
            state = state &+ 0x9E37_79B9_7F4A_7C15
            return mixed(state)
        }
    }

    /// Returns the row at `position` of the order.
    package subscript(position: Int) -> Int {
        precondition(position >= 0 && position < count, "position \(position) of \(count)")
        var value = UInt64(position)
        // The network permutes fewer than four times as many numbers as there are rows, so few steps are needed.
        repeat { value = round(value) } while value >= UInt64(count)
        return Int(value)
    }

    private func round(_ value: UInt64) -> UInt64 {
        let mask = (UInt64(1) << UInt64(halfBits)) - 1
        var left = value >> UInt64(halfBits)
        var right = value & mask
        for key in keys { (left, right) = (right, left ^ (mixed(right ^ key) & mask)) }
        return left << UInt64(halfBits) | right
    }
}

/// Returns the number mixed by the finalizer of SplitMix64 (Steele, Lea and Flood, 2014): each bit of the result depends on every bit
/// given.
func mixed(_ value: UInt64) -> UInt64 {
    var value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
}
