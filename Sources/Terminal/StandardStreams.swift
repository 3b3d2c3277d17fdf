import ArgumentParser
import Foundation
import Synchronization

/// Writes to the standard streams. Standard error is best effort: if it is full, closed or has no reader, the text is lost and the work
/// continues. A command whose output cannot be written ends with an error.
package enum StandardStreams {
    private static let isOutputLost = Atomic(false)

    /// Prepares the streams. It must be called before a file is opened, since a file that takes the number of a closed stream would be
    /// overwritten by printed text.
    package static func prepare() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
            // Without a place to print to, printing must fail and not vanish.
            _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Ends the process. A success becomes a failure where something that was printed cannot be written.
    package static func finish(_ status: Int32) -> Never {
        let isWritten = flush()
        Foundation.exit(isWritten || status != 0 ? status : ExitStatus.problems.rawValue)
    }

    /// Writes what was printed so far. Where nobody reads it any more the process ends as by SIGPIPE, as other tools do.
    /// - Returns: whether all that was printed has been written. The first failure to do so is reported on standard error.
    @discardableResult
    package static func flush() -> Bool {
        // All streams are written, since standard output alone cannot be named from Swift 6; the others are not used.
        if fflush(nil) == 0 { return true }
        let failure = errno
        if !isOutputLost.exchange(true, ordering: .relaxed) {
            let why = String(cString: strerror(failure))
            printError("millrace: standard output cannot be written: \(why). What was to be printed is lost; send it elsewhere.")
        }
        return false
    }
}

/// Writes one line, or several, to standard error; what it does not take is lost.
package func printError(_ text: String, terminator: String = "\n") { LogSink.standardError.write(text + terminator) }

/// Writes lines to a descriptor as far as it takes them. It never waits long: a reader that has stopped reading holds up nothing.
package final class LogSink: Sendable {
    package static let standardError = LogSink(descriptor: STDERR_FILENO)

    private struct State {
        var lostLines = 0
        /// Tells whether the last line was cut off.
        var isTorn = false
    }

    private let descriptor: Int32
    private let patience: Int32
    private let state = Mutex(State())

    /// The number of bytes that a pipe takes at once when it is said to be ready.
    private static let portion = 4096

    /// - Parameter patience: the milliseconds that a reader may let it wait.
    init(descriptor: Int32, patience: Int32 = 200) {
        self.descriptor = descriptor
        self.patience = patience
    }

    package func write(_ text: String) {
        state.withLock { state in
            if state.lostLines > 0 {
                let news = "\(state.isTorn ? "\n" : "")millrace: \(state.lostLines) lines of the log could not be written here\n"
                // A reader that did not read is not waited for again until it does.
                guard put(news, patience: 0) == .whole else { return state.lostLines += 1 }
                state = State()
            }
            switch put(text, patience: patience) {
            case .whole: break
            case .part: state = State(lostLines: 1, isTorn: true)
            case .nothing: state.lostLines += 1
            }
        }
    }

    private enum Put {
        case whole, part, nothing
    }

    private func put(_ text: String, patience: Int32) -> Put {
        var rest = Array(text.utf8)[...]
        let count = rest.count
        while !rest.isEmpty {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&request, 1, patience)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0, request.revents & Int16(POLLOUT) != 0, request.revents & Int16(POLLERR | POLLNVAL) == 0 else { break }
            let written = rest.prefix(Self.portion).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { break }
            rest = rest.dropFirst(written)
        }
        return rest.isEmpty ? .whole : rest.count == count ? .nothing : .part
    }
}
