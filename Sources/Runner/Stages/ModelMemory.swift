import Glibc
import ONNX

extension ONNXError {
    var isOutOfMemory: Bool { if case .outOfMemory = self { true } else { false } }
}

extension Model {
    /// The number of bytes that are in other files and in memory once the model runs; half of the largest `Int` if the sizes add up to
    /// more.
    var externalByteCount: Int {
        var sum = 0
        let add = { (tensor: StoredTensor) in
            guard tensor.isExternal else { return }
            let (total, overflow) = sum.addingReportingOverflow(tensor.byteCount ?? 0)
            sum = overflow ? .max / 2 : total
        }
        graph.forEachTensor { _, tensor in add(tensor) }
        for function in functions { function.body.forEachTensor { _, tensor in add(tensor) } }
        return sum
    }
}

/// Returns the memory that the allocator holds in reserve to the system, so that a freed graph does not take memory in addition to the
/// engine's copy.
func returnFreedMemory() {
    typealias Trim = @convention(c) (Int) -> CInt
    if let address = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(address, to: Trim.self)(0) }
}

/// Lets the allocator take large blocks from the system, and give them back when they are freed, while `body` runs. Otherwise it may keep
/// the last one at the end of a thread's heap, where `malloc_trim` does not look.
func returningLargeBlocks<Result>(_ body: () -> Result) -> Result {
    typealias Option = @convention(c) (CInt, CInt) -> CInt
    guard let address = dlsym(nil, "mallopt") else { return body() }
    let set = unsafeBitCast(address, to: Option.self)
    // In mallopt(3), M_MMAP_THRESHOLD is -3 and M_TRIM_THRESHOLD is -1. The values set afterwards are those that they have after a large
    // block was freed.
    _ = set(-3, 1 << 20)
    defer {
        _ = set(-3, 32 << 20)
        _ = set(-1, 64 << 20)
    }
    return body()
}
