import Arrivals
import Attempts
import Columnar
import FileSystem
import Glibc
import SystemPackage

/// Keeps the output of an attempt open from its first byte to its digest. It has the path only for messages and for the answer.
final class AttemptOutput {
    private let path: String
    private let files: any AttemptFiles
    private var file: FileDescriptor?
    private var appended = AppendedDigest()

    init(_ path: String, _ files: any AttemptFiles) {
        self.path = path
        self.files = files
    }

    deinit { if let file { Disk.close(file) } }

    /// Returns the files that a writer of the output writes to. Each writer begins the output again.
    var target: OutputFiles {
        OutputFiles(
            path: path, begin: { () throws(ColumnarError) in try self.begin() },
            temporary: { () throws(ColumnarError) in try self.temporary() },
            appended: { bytes in if let file = self.file { self.appended.append(bytes, to: file) } })
    }

    private func temporary() throws(ColumnarError) -> Int32 {
        try opened { () throws(FileSystemError) in try files.open(.temporary) }.rawValue
    }

    private func begin() throws(ColumnarError) -> Int32 {
        if let file { Disk.close(file) }
        file = nil
        let file = try opened { () throws(FileSystemError) in try files.open(.output) }
        self.file = file
        appended = AppendedDigest()
        return try opened { () throws(FileSystemError) in try Disk.duplicate(file, FilePath(path)) }.rawValue
    }

    private func opened(_ open: () throws(FileSystemError) -> FileDescriptor) throws(ColumnarError) -> FileDescriptor {
        do throws(FileSystemError) { return try open() } catch { throw ColumnarError(opening: error, path) }
    }

    /// Returns what the answer says of the output, once its writer has finished.
    func written() throws(Failure) -> AttemptResult.WrittenFile {
        do throws(FileSystemError) {
            guard let file else { throw .missing(FilePath(path)) }
            let digested = try FileDigest.ofWritten(file, named: FilePath(path), appended: appended)
            return .init(slot: AttemptResult.Slot.output.rawValue, path: path, digest: digested.digest, byteCount: digested.stamp.size)
        } catch {
            throw Failure(landing: error, place: path)
        }
    }
}

extension ColumnarError {
    /// Describes that a file could not be opened to be written.
    init(opening error: FileSystemError, _ path: String) {
        switch error {
        case .system(let doing, let path, let code): self = .system(file: path.string, operation: doing, code: code.rawValue)
        case .noSpace(let doing, let path): self = .system(file: path.string, operation: doing, code: ENOSPC)
        case .missing(let path): self = .system(file: path.string, operation: "opening", code: ENOENT)
        default: self = .system(file: path, operation: "opening", code: EIO)
        }
    }
}
