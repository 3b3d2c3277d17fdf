import Machine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Maps all of an open file, to be read once from its beginning to its end.
final class MappedFile {
    let bytes: UnsafeRawBufferPointer

    init(_ descriptor: Int32) throws(EngineError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(0) }
        let count = Int(status.st_size)
        if count == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else { throw Self.failure(count) }
        madvise(start, count, MADV_SEQUENTIAL)
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    deinit { if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) } }

    private static func failure(_ count: Int) -> EngineError {
        if errno == ENOMEM { return .outOfMemory(OutOfMemory(needed: count, available: MachineMemory.available())) }
        return .engine("the model's file cannot be mapped: \(String(cString: strerror(errno)))")
    }
}
