internal import Glibc

/// Wakes a thread that waits in `poll`. Any thread may signal.
package final class WakePipe: Sendable {
    private let reader: CInt
    private let writer: CInt

    /// Makes the pipe. Both ends are -1 where no descriptor is left; the watch then notices signals at its next look, within a second.
    init() {
        var ends: [CInt] = [-1, -1]
        _ = pipe(&ends)
        (reader, writer) = (ends[0], ends[1])
        for end in ends where end >= 0 {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        if reader >= 0 { close(reader) }
        if writer >= 0 { close(writer) }
    }

    func signal() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }

    /// Waits for a signal, for at most `timeout`.
    func wait(timeout: Duration) {
        var set = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        // The time is rounded up: waking a little early would mean to look twice.
        let (seconds, attoseconds) = timeout.components
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        guard poll(&set, 1, CInt(clamping: max(milliseconds, 0))) > 0 else { return }
        var drain = [UInt8](repeating: 0, count: 64)
        while read(reader, &drain, drain.count) == drain.count {}
    }
}
