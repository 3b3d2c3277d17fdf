import Columnar
import Crypto
import Foundation
import Tensors

/// Identifies a row by a number. The same row has the same number in every file, format and order, so that it stays on its side of the
/// validation split.
struct RowKey {
    private var hash = SHA256()

    init(seed: UInt64) {
        withUnsafeBytes(of: seed.littleEndian) { hash.update(bufferPointer: $0) }
    }

    /// Makes the key of one row of key columns. It is nil where there are no key columns, or where one of them has no value: such a row is
    /// known by its features.
    init?(_ columns: [[String?]], row: Int, seed: UInt64) {
        guard !columns.isEmpty else { return nil }
        self.init(seed: seed)
        for column in columns {
            guard let text = column[row] else { return nil }
            add(text)
        }
    }

    /// Adds a cell of a key column.
    mutating func add(_ cell: String) {
        var text = cell
        text.withUTF8 { bytes in
            add(length: UInt32(clamping: bytes.count))
            hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
        }
    }

    /// Adds one row of an input, as the model takes it.
    mutating func add(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    private mutating func add(length: UInt32) {
        withUnsafeBytes(of: length.littleEndian) { hash.update(bufferPointer: $0) }
    }

    /// The key, which is distributed evenly over all 64-bit numbers.
    var value: UInt64 {
        hash.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Decides which rows are held out. Each row is decided on its own, so that the held share of few rows differs a little from the share
/// asked for.
package struct ValidationSplit: Sendable, Hashable {
    /// The key as a number that is at least 0 and less than 1.
    package let share: Double
    package let seed: UInt64

    package init(share: Double, seed: UInt64) {
        self.share = share
        self.seed = seed
    }

    /// - Parameter key: a row's key, hashed with `seed`.
    func holdsOut(_ key: UInt64) -> Bool { Double(key >> 11) * 0x1p-53 < share }
}
