/// Owns 64-byte aligned memory of a fixed size. One owner writes at a time: whoever holds a buffer and fills it must not
/// share it across threads until it is filled; afterwards it is only read.
package final class TensorBuffer: @unchecked Sendable {
    package let byteCount: Int
    package let address: UnsafeMutableRawPointer

    /// Memory set to zero.
    package init(byteCount: Int) {
        self.byteCount = byteCount
        address = .allocate(byteCount: max(byteCount, 1), alignment: 64)
        address.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, 1))
    }

    deinit { address.deallocate() }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: byteCount) }
    package var mutableBytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }
}
