import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Lets the engine write to an open file although it writes only to what has a name: it writes to a pipe of this process, which has a name
/// in `/proc/self/fd`, and a thread copies that to the file. A process that may open no file by a name may still open its pipes.
final class PipedFile: @unchecked Sendable {
    static let folder = "/proc/self/fd"

    private let reading: CInt
    private let target: CInt
    private let isDone = DispatchSemaphore(value: 0)
    /// The number of the first error, to be read after `isDone`.
    private var failure: CInt = 0

    private init(_ reading: CInt, _ target: CInt) {
        self.reading = reading
        self.target = target
    }

    /// Calls `body` with a name in `folder`, and returns once all that was written under the name is in the file, which stays the caller's.
    static func writing<Result>(
        to target: CInt, _ body: (_ name: String) throws(EngineError) -> Result
    ) throws(EngineError) -> Result {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw error(errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // Fewer and larger pieces: F_SETPIPE_SZ of fcntl(2).
        _ = fcntl(ends[1], 1031, CInt(1 << 20))
        let file = PipedFile(ends[0], target)
        let thread = Thread { file.copy() }
        thread.name = "prepare"
        thread.start()
        defer { close(ends[0]) }
        let result: Result
        do throws(EngineError) { result = try body("\(ends[1])") } catch {
            file.finish(ends[1])
            throw error
        }
        file.finish(ends[1])
        if file.failure != 0 { throw error(file.failure) }
        return result
    }

    private func finish(_ writing: CInt) {
        close(writing)
        isDone.wait()
    }

    private func copy() {
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(reading, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { failure = errno }
            if count <= 0 { break }
            // After an error the rest is taken all the same, so that the writer does not wait.
            if failure == 0 { failure = write(piece[..<count]) }
        }
        isDone.signal()
    }

    private func write(_ bytes: ArraySlice<UInt8>) -> CInt {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = systemWrite(target, bytes.baseAddress! + done, bytes.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return count == 0 ? EIO : errno }
                done += count
            }
            return 0
        }
    }

    private static func error(_ code: CInt) -> EngineError {
        .engine("the prepared model cannot be written: \(String(cString: strerror(code)))")
    }
}

/// Calls `write(2)`, whose name a method of the same name hides.
private func systemWrite(_ file: CInt, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(file, bytes, count) }
