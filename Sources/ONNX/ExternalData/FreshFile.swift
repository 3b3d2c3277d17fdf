import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Represents a file that did not exist before.
final class FreshFile {
    private let name: String
    private let target: Model.Target
    /// The descriptor, which is owned: `finish`, `discard` or deinit closes it.
    private var descriptor: CInt
    private(set) var byteCount = 0

    init(_ name: String, of target: Model.Target) throws(ONNXError) {
        self.name = name
        self.target = target
        descriptor = try target.create(name)
    }

    private var path: String { target.folder + name }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func write(_ bytes: UnsafeRawBufferPointer) throws(ONNXError) {
        var done = 0
        while done < bytes.count {
            let count = systemWrite(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .cannotWrite(path: path, reason: errnoText(), code: errno) }
            done += count
        }
        byteCount += bytes.count
    }

    func align(to boundary: Int) throws(ONNXError) {
        let padding = (boundary - byteCount % boundary) % boundary
        if padding == 0 { return }
        let zeros = Data(count: padding)
        try zeros.borrow { (bytes) throws(ONNXError) in try write(bytes) }
    }

    func finish() throws(ONNXError) {
        let failed = close(descriptor) != 0
        descriptor = -1
        if failed { throw .cannotWrite(path: path, reason: errnoText(), code: errno) }
    }

    func discard() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        target.remove(name)
    }
}

/// Calls `write(2)`, whose name a method of the same name hides.
private func systemWrite(_ file: CInt, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(file, bytes, count) }
