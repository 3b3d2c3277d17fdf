#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Owns 64-byte aligned memory of a fixed size. One owner writes at a time: whoever holds a buffer and fills it must not
/// share it across threads until it is filled; afterwards it is only read.
package final class TensorBuffer: @unchecked Sendable {
    package let byteCount: Int
    package let address: UnsafeMutableRawPointer
    /// Of memory from the system's own pages.
    private let mappedByteCount: Int?

    /// Memory set to zero.
    package init(byteCount: Int) {
        self.byteCount = byteCount
        mappedByteCount = nil
        address = .allocate(byteCount: max(byteCount, 1), alignment: 64)
        address.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, 1))
    }

    /// Memory set to zero, in pages that the system gives as they are written to and has back as soon as the buffer goes; of what is freed
    /// otherwise, `malloc` may keep much. For what is large, lives long and is made seldom.
    package init(pages byteCount: Int) {
        self.byteCount = byteCount
        let length = max(byteCount, 1)
        mappedByteCount = length
        let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { fatalError("no memory for \(byteCount) bytes") }
        address = mapped
    }

    deinit { if let mappedByteCount { munmap(address, mappedByteCount) } else { address.deallocate() } }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: byteCount) }
    package var mutableBytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }
}
