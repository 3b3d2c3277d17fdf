import Arrivals
import Foundation
import Testing

@testable import Watcher

/// Suites that use the process's one inotify instance, one test at a time: a test that floods its queue floods everyone's.
@Suite(.serialized) enum WithInotify {
    /// The names that were told to be complete, in order, without those by which a test waits.
    static func complete(_ events: [SpoolEvent]) -> [String] {
        events.compactMap { if case .complete(let file) = $0, !file.place.path.hasPrefix("barrier-") { file.place.path } else { nil } }
    }

    /// Writes a file in place, with the folders above it.
    static func put(_ bytes: [UInt8] = Fixtures.csv, to path: String) throws {
        try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}

/// The kernel's limit on queued events. Nil where it cannot be read.
var kernelQueueLimit: Int? {
    let text = try? String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)
    return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
}
