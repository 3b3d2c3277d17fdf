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
