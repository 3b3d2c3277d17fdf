package import FileSystem
import Foundation
import Machine
package import SystemPackage
package import Tensors

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reads a model's weights files from the directory in which they may be. Every read opens the file again, beneath the directory and without
/// following a link, and checks the file that it then holds open, so that a name that is replaced in between has no effect. Files are read,
/// never mapped.
package final class ExternalDataDirectory: Sendable {
    /// Opens a file by the components of its path below the directory, without following a link. The caller closes it.
    package typealias Opening = @Sendable ([String]) -> Result<FileDescriptor, FileSystemError>

    /// Says why a file is not opened.
    package struct Refusal: Error {
        package let problem: ExternalDataProblem
    }

    private let opening: Opening
    private let allowsHardLinks: Bool

    /// Takes the files from a directory that somebody else made.
    package convenience init(_ path: String) throws(ONNXError) {
        let folder: HeldFolder
        do throws(FileSystemError) { folder = try HeldFolder(FilePath(path.isEmpty ? "." : path)) } catch {
            switch error {
            case .system(_, _, let code): throw .cannotRead(path: path, reason: errnoText(code.rawValue), code: code.rawValue)
            case .missing: throw .cannotRead(path: path, reason: errnoText(ENOENT), code: ENOENT)
            default: throw .cannotRead(path: path, reason: "\(error)", code: 0)
            }
        }
        self.init(isOurs: false) { components in
            Result { () throws(FileSystemError) in try folder.open(components.joined(separator: "/")) }
        }
    }

    /// - Parameters:
    ///   - isOurs: tells whether we wrote the files: then a second name of a file belongs to a backup, and is no way to reach someone else's
    ///     file.
    ///   - opening: opens a file below the directory.
    package init(isOurs: Bool, opening: @escaping Opening) {
        allowsHardLinks = isOurs
        self.opening = opening
    }

    /// Opens the file at one of the model's `externalDataLocations`. The caller closes it.
    package func open(_ location: String) -> Result<CInt, Refusal> {
        open(location.split(separator: "/").map(String.init).filter { $0 != "." })
    }

    private func open(_ components: [String]) -> Result<CInt, Refusal> {
        opening(components).map(\.rawValue).mapError { Refusal(problem: ExternalDataProblem($0)) }
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

func errnoText(_ number: CInt = errno) -> String { String(cString: strerror(number)) }

extension ExternalDataProblem {
    /// Describes why a file of external data cannot be opened.
    fileprivate init(_ error: FileSystemError) {
        switch error {
        case .missing: self = .missing
        case .outsideSpool: self = .symbolicLink
        case .notRegular, .system(_, _, .noSuchAddressOrDevice): self = .notARegularFile
        case .system(_, _, let code): self = .unreadable(reason: errnoText(code.rawValue))
        default: self = .unreadable(reason: "\(error)")
        }
    }
}
