internal import Glibc
internal import Machine
internal import Reasons

/// Owns a file descriptor, and closes it at its end unless it was borrowed.
///
/// It is not `OpenFile` of `FileSystem`: a table is read from a descriptor that someone else may own, by C++ code that wants its number,
/// and each error becomes one with a place in the table. Columnar needs nothing else of `FileSystem`, which is about folders and
/// durability.
final class OwnedDescriptor {
    let number: Int32
    private let isOwned: Bool
    /// Takes what is appended to the file, piece by piece and in order. What is written at a place of its own is not told.
    var appended: ((UnsafeRawBufferPointer) -> Void)?

    init(borrowing number: Int32) {
        self.number = number
        isOwned = false
    }

    init(owning number: Int32) {
        self.number = number
        isOwned = true
    }

    /// Opens a regular file without waiting, so that a FIFO cannot hold the caller.
    init(reading path: String) throws(ColumnarError) {
        number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        isOwned = true
        guard number >= 0 else { throw .system(file: path, operation: "opening", code: errno) }
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw .system(file: path, operation: "fstat", code: errno) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw .badFile(TableLocation(file: path), reason: "not a regular file")
        }
    }

    /// Returns the file that is open already, which the caller keeps, or else opens the one at `path`.
    static func reading(_ path: String, open descriptor: Int32?) throws(ColumnarError) -> OwnedDescriptor {
        if let descriptor { return OwnedDescriptor(borrowing: descriptor) }
        return try OwnedDescriptor(reading: path)
    }

    /// Makes an empty file.
    init(writing path: String) throws(ColumnarError) {
        number = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        isOwned = true
        guard number >= 0 else { throw .system(file: path, operation: "creating", code: errno) }
    }

    /// Makes a file without a name in `directory`, which is removed when it is closed.
    init(temporaryIn directory: String) throws(ColumnarError) {
        number = TemporaryFile.open(in: directory)
        isOwned = true
        guard number >= 0 else { throw .system(file: directory, operation: TemporaryFile.making, code: errno) }
    }

    deinit { if isOwned, number >= 0 { close(number) } }

    func size(file: String) throws(ColumnarError) -> Int {
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw .system(file: file, operation: "fstat", code: errno) }
        return Int(facts.st_size)
    }

    /// Fills `target` from `position`; returns fewer bytes only at the end of the file.
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int, file: String) throws(ColumnarError) -> Int {
        var done = 0
        while done < target.count {
            let step = pread(number, target.baseAddress! + done, target.count - done, off_t(position + done))
            if step == 0 { break }
            if step < 0 {
                if errno == EINTR { continue }
                throw .system(file: file, operation: "reading", code: errno)
            }
            done += step
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, file: String) throws(ColumnarError) {
        var done = 0
        while done < bytes.count {
            let step = Glibc.write(number, bytes.baseAddress! + done, bytes.count - done)
            if step < 0 {
                if errno == EINTR { continue }
                throw .system(file: file, operation: "writing", code: errno)
            }
            done += step
        }
        appended?(bytes)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int, file: String) throws(ColumnarError) {
        var done = 0
        while done < bytes.count {
            let step = pwrite(number, bytes.baseAddress! + done, bytes.count - done, off_t(position + done))
            if step < 0 {
                if errno == EINTR { continue }
                throw .system(file: file, operation: "writing", code: errno)
            }
            done += step
        }
    }
}
