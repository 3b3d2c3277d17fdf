import Glibc
import Synchronization
import SystemPackage

extension FaultPoint {
    /// Ends the process if a test has asked for that at this point.
    package static func reach(_ point: FaultPoint) { armed?.reach(point) }

    private static let armed = ArmedFault(getenv("MILLRACE_FAULT").map { String(cString: $0) })

    /// The folder of the file that this process makes where it ends, if a test has asked for that; nil otherwise.
    package static var folder: String? { armed.map { FilePath($0.file).removingLastComponent().string } }
}

/// Counts how often this process reaches the point at which it is to end.
private final class ArmedFault: Sendable {
    private let point: FaultPoint
    /// Tells whether the process stops there, as when its machine hangs, until it gets SIGCONT.
    private let stops = getenv("MILLRACE_FAULT_STOPS") != nil
    fileprivate let file: String
    /// The number of times that the point is still to be reached.
    private let left: Atomic<Int>

    /// Reads `POINT:COUNT:FILE`; nil where `text` is nil or names no point.
    init?(_ text: String?) {
        let parts = text?.split(separator: ":", maxSplits: 2).map(String.init) ?? []
        guard parts.count == 3, let point = FaultPoint(rawValue: parts[0]), let count = Int(parts[1]) else { return nil }
        self.point = point
        file = parts[2]
        left = Atomic(count)
    }

    func reach(_ point: FaultPoint) {
        guard point == self.point, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
        let made = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard made >= 0 else { return }
        let words = Array("\(getpid())\n".utf8)
        _ = write(made, words, words.count)
        guard !stops else { return _ = kill(getpid(), SIGSTOP) }
        kill(getpid(), SIGKILL)
        // Nothing that follows may happen before the signal is delivered.
        while true { pause() }
    }
}
