import Foundation
import Machine
package import Tensors

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reads a model's weights files from the directory in which they may be. Every read opens the file again, and checks the file that it then
/// holds open, so that a name that is replaced in between has no effect. Files are read, never mapped.
package final class ExternalDataDirectory: Sendable {
    /// Opens a file by the components of its path below the directory. The caller closes it.
    package typealias Opening = @Sendable ([String]) -> Result<CInt, Refusal>

    /// Says why a file is not opened.
    package struct Refusal: Error {
        package let problem: ExternalDataProblem

        package init(_ problem: ExternalDataProblem) { self.problem = problem }
    }

    private let open: Opening
    private let allowsHardLinks: Bool

    /// - Parameter isOurs: tells whether we wrote the files: then a second name of a file belongs to a backup, and is no way to reach
    ///   someone else's file.
    package init(_ path: String, isOurs: Bool = false) throws(ONNXError) {
        allowsHardLinks = isOurs
        let directory = try OpenDirectory(path)
        open = { directory.descend($0) }
    }

    /// Takes the files from someone else.
    /// - Parameter open: opens a file below the directory without following a link.
    package init(isOurs: Bool, opening open: @escaping Opening) {
        allowsHardLinks = isOurs
        self.open = open
    }

    /// Opens the file at one of the model's `externalDataLocations`. The caller closes it.
    package func open(_ location: String) -> Result<CInt, Refusal> {
        open(location.split(separator: "/").map(String.init).filter { $0 != "." })
    }

    /// Checks that the data is there, is where it may be, and has the size that the tensor needs. Reads nothing.
    package func check(_ tensor: StoredTensor) throws(ONNXError) {
        _ = try withRange(of: tensor) { (_, _, _) throws(ONNXError) in }
    }

    package func tensor(_ stored: StoredTensor) throws(ONNXError) -> Tensor {
        guard let elementType = stored.elementType else {
            throw stored.unsupported("element type \(stored.elementTypeCode) is not implemented")
        }
        return try withRange(of: stored) { (file, offset, length) throws(ONNXError) in
            let buffer: TensorBuffer
            do throws(OutOfMemory) {
                buffer = length < 64 << 10 ? TensorBuffer(byteCount: length) : try TensorBuffer(pages: length)
            } catch {
                throw ONNXError.outOfMemory(error)
            }
            defer { withExtendedLifetime(buffer) {} }
            try Self.read(file, at: offset, into: buffer.mutableBytes, for: stored)
            return Tensor(elementType: elementType, shape: stored.shape, buffer: buffer)
        }
    }

    /// Calls `body` with the data in chunks of at most 4 MiB.
    func forEachChunk(
        of stored: StoredTensor, _ body: (UnsafeRawBufferPointer) throws(ONNXError) -> Void
    ) throws(ONNXError) {
        try withRange(of: stored) { (file, offset, length) throws(ONNXError) in
            let chunk = TensorBuffer(byteCount: min(length, 4 << 20))
            defer { withExtendedLifetime(chunk) {} }
            var done = 0
            while done < length {
                let part = UnsafeMutableRawBufferPointer(rebasing: chunk.mutableBytes[..<min(chunk.byteCount, length - done)])
                try Self.read(file, at: offset + done, into: part, for: stored)
                try body(UnsafeRawBufferPointer(part))
                done += part.count
            }
        }
    }

    private func withRange<Result>(
        of tensor: StoredTensor, _ body: (CInt, _ offset: Int, _ length: Int) throws(ONNXError) -> Result
    ) throws(ONNXError) -> Result {
        guard let reference = try tensor.externalReference() else { throw tensor.invalid("its data is not external") }
        func refuse(_ problem: ExternalDataProblem) -> ONNXError {
            .externalData(tensor: tensor.name, location: reference.location, problem: problem)
        }
        guard let needed = tensor.byteCount else { throw tensor.invalid("the shape \(tensor.shape) has no byte count") }
        if let stated = reference.length, stated != needed { throw refuse(.wrongLength(stated: stated, needed: needed)) }
        let file: CInt
        switch open(reference.components) {
        case .success(let opened): file = opened
        case .failure(let problem): throw refuse(problem.problem)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw refuse(.unreadable(reason: errnoText())) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw refuse(.notARegularFile) }
        guard status.st_nlink == 1 || allowsHardLinks else { throw refuse(.hardLink(count: Int(status.st_nlink))) }
        let size = Int(status.st_size)
        guard needed <= size, reference.offset <= size - needed else {
            throw refuse(.outOfRange(offset: reference.offset, length: needed, fileSize: size))
        }
        return try body(file, reference.offset, needed)
    }

    private static func read(
        _ file: CInt, at offset: Int, into bytes: UnsafeMutableRawBufferPointer, for tensor: StoredTensor
    ) throws(ONNXError) {
        var done = 0
        while done < bytes.count {
            let count = pread(file, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30), off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw .externalData(
                    tensor: tensor.name, location: tensor.externalLocation ?? "",
                    problem: count == 0 ? .changedWhileRead : .unreadable(reason: errnoText()))
            }
            done += count
        }
    }
}

/// Holds the directory of a model open, and opens the files below it by name.
private final class OpenDirectory: Sendable {
    /// The descriptor, which is owned: it is closed on deinit. Only `openat` and `dup` use it, which any thread may call.
    private let descriptor: CInt

    init(_ path: String) throws(ONNXError) {
        descriptor = open(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .cannotRead(path: path, reason: errnoText(), code: errno) }
    }

    deinit { close(descriptor) }

    /// Opens a path component by component with `O_NOFOLLOW`, so that no link is followed anywhere.
    func descend(_ components: [String]) -> Result<CInt, ExternalDataDirectory.Refusal> {
        var directory = dup(descriptor)
        guard directory >= 0 else { return .failure(ExternalDataDirectory.Refusal(.unreadable(reason: errnoText()))) }
        for (position, component) in components.enumerated() {
            let isLast = position == components.count - 1
            let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (isLast ? 0 : O_DIRECTORY)
            let next = openat(directory, component, flags)
            let error = errno
            var isLink = false
            if next < 0 {
                var status = stat()
                isLink = fstatat(directory, component, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFLNK
            }
            close(directory)
            guard next >= 0 else {
                if isLink || error == ELOOP { return .failure(ExternalDataDirectory.Refusal(.symbolicLink)) }
                switch error {
                case ENOENT, ENOTDIR: return .failure(ExternalDataDirectory.Refusal(.missing))
                case ENXIO: return .failure(ExternalDataDirectory.Refusal(.notARegularFile))
                default: return .failure(ExternalDataDirectory.Refusal(.unreadable(reason: errnoText(error))))
                }
            }
            directory = next
        }
        return .success(directory)
    }
}

func errnoText(_ number: CInt = errno) -> String { String(cString: strerror(number)) }
