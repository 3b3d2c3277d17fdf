import TestSupport

/// Damages inputs, the same ones for the same seed.
package struct Mutator {
    private var generator: SeededGenerator
    private let seeds: [[UInt8]]

    /// Numbers on which lengths, counts and offsets overflow.
    private static let numbers: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 36, .max >> 1, 1 << 63, .max - 7, .max,
    ]
    private static let words = [
        "-1", "9223372036854775807", "1e999", "nan", "\"", "{", "[", "]]", "\r\n", ",,", "\u{0}", "\u{1F}", "\\u0000", "~", "&a", "*a",
    ]

    package init(seed: UInt64, seeds: [[UInt8]]) {
        generator = SeededGenerator(seed: seed)
        self.seeds = seeds
    }

    /// Returns the next input: a seed with one to four damages.
    package mutating func next() -> [UInt8] {
        var bytes = seeds.randomElement(using: &generator)!
        for _ in 0..<Int.random(in: 1...4, using: &generator) { damage(&bytes) }
        return Array(bytes.prefix(FuzzTarget.largestInput))
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes = [UInt8.random(in: 0...255, using: &generator)]
            return
        }
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        let end = min(bytes.count, place + Int.random(in: 1...64, using: &generator))
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.removeSubrange(place...)
        case 3: bytes.removeSubrange(place..<end)
        case 4: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &generator))
        case 5:
            let width = [1, 2, 4, 8].randomElement(using: &generator)!
            let number = Self.numbers.randomElement(using: &generator)!
            for index in 0..<min(width, bytes.count - place) {
                bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * index))
            }
        case 6: bytes.insert(contentsOf: Self.words.randomElement(using: &generator)!.utf8, at: place)
        case 7:
            let other = seeds.randomElement(using: &generator)!
            guard !other.isEmpty else { return }
            let start = Int.random(in: 0..<other.count, using: &generator)
            bytes.replaceSubrange(place..<end, with: other[start..<min(other.count, start + end - place)])
        default: bytes.insert(contentsOf: repeatElement(bytes[place], count: Int.random(in: 1...300, using: &generator)), at: place)
        }
    }
}
