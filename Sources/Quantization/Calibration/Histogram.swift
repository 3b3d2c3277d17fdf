import Foundation

/// Counts numbers in bins that widen, in constant memory. A bin is as wide as a power of two and begins at a multiple of its width, so that
/// two neighbours merge into one of the next power, and the result is the same in whichever order and lots the numbers come.
struct Histogram: Equatable {
    private static let mostBins = 4096

    /// A bin is `2 ^ exponent` wide; the first one begins at `first` times that.
    private(set) var exponent = Int.min
    private(set) var first = 0
    private(set) var counts: [Int] = []
    private(set) var low = Float.infinity
    private(set) var high = -Float.infinity
    /// The number of zeros, which every range of integers meets exactly.
    private(set) var zeros = 0

    /// Adds numbers, all of which are finite.
    mutating func add(_ numbers: UnsafeBufferPointer<Float>) {
        guard let smallest = numbers.min(), let largest = numbers.max() else { return }
        low = min(low, smallest)
        high = max(high, largest)
        widen()
        let width = Self.width(exponent)
        for number in numbers {
            counts[Int((Double(number) / width).rounded(.down)) - first] += 1
            if number == 0 { zeros += 1 }
        }
    }

    /// The middle of a bin.
    func center(_ bin: Int) -> Double { (Double(first + bin) + 0.5) * Self.width(exponent) }

    private static func width(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }

    /// Takes the narrowest bins of which as many as there may be reach from `low` to `high`, and merges those that are there.
    private mutating func widen() {
        // Beyond 40 bits, positions tell nothing that a float32 number has.
        var wanted = max(exponent, max(abs(low), abs(high)).exponentOrLeast - 40)
        func bin(_ number: Float) -> Int { Int((Double(number) / Self.width(wanted)).rounded(.down)) }
        while bin(high) - bin(low) >= Self.mostBins { wanted += 1 }
        var merged = [Int](repeating: 0, count: bin(high) - bin(low) + 1)
        for (position, count) in counts.enumerated() where count > 0 {
            merged[((first + position) >> (wanted - exponent)) - bin(low)] += count
        }
        first = bin(low)
        exponent = wanted
        counts = merged
    }
}

extension Float {
    /// The power of two of a number; of zero that of the smallest one.
    fileprivate var exponentOrLeast: Int { self == 0 ? -149 : Int(exponent) }
}
