#if canImport(Glibc)
package import Machine
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Owns 64-byte aligned memory of a fixed size. One owner writes at a time and must not share the buffer across threads until it is filled;
/// afterwards it is only read.
package final class TensorBuffer: @unchecked Sendable {
    package let byteCount: Int
    package let address: UnsafeMutableRawPointer
    private enum Memory {
        case allocated
        /// The memory is from the C library.
        case requested
        /// The memory is pages of the operating system.
        case mapped(Int)
    }

    private let memory: Memory

    /// Allocates memory set to zero, of a size that this program decides.
    package init(byteCount: Int) {
        self.byteCount = byteCount
        memory = .allocated
        address = .allocate(byteCount: max(byteCount, 1), alignment: 64)
        address.initializeMemory(as: UInt8.self, repeating: 0, count: max(byteCount, 1))
    }

    /// Allocates memory set to zero, of a size that a file or a model gives; throws where the machine does not have that much.
    package init(requested byteCount: Int) throws(OutOfMemory) {
        try OutOfMemory.check(byteCount)
        var address: UnsafeMutableRawPointer?
        guard byteCount >= 0, posix_memalign(&address, 64, max(byteCount, 1)) == 0, let address else {
            throw OutOfMemory(needed: byteCount, available: MachineMemory.available())
        }
        memset(address, 0, max(byteCount, 1))
        self.byteCount = byteCount
        self.address = address
        memory = .requested
    }

    /// Allocates memory set to zero, in pages that the system gives when they are written to and gets back as soon as the buffer is freed;
    /// of other freed memory, `malloc` may keep much. This is for large buffers that live long and are made seldom.
    package init(pages byteCount: Int) throws(OutOfMemory) {
        try OutOfMemory.check(byteCount)
        let length = max(byteCount, 1)
        let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { throw OutOfMemory(needed: byteCount, available: MachineMemory.available()) }
        self.byteCount = byteCount
        memory = .mapped(length)
        address = mapped
    }

    deinit {
        switch memory {
        case .allocated: address.deallocate()
        case .requested: free(address)
        case .mapped(let length): munmap(address, length)
        }
    }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: byteCount) }
    package var mutableBytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }
}
