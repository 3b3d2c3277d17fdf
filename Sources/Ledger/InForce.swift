import Foundation

/// Tells the commands which pipeline files a daemon has in force, in a small file beside the daemon's lock. It counts only while that
/// daemon holds the lock.
package struct InForce: Codable, Sendable {
    package struct Entry: Codable, Sendable {
        package let pipeline: String
        /// The absolute path of the pipeline file.
        package let file: String
        fileprivate let content: Data?

        /// Tells whether the file still has the content that is in force.
        package var isCurrent: Bool { FileManager.default.contents(atPath: file) == content }
    }

    private let pid: Int32
    package let entries: [Entry]

    /// Records the present content of the files as what is in force.
    package init(_ files: [(pipeline: String, file: String)]) {
        pid = getpid()
        entries = files.map { Entry(pipeline: $0.pipeline, file: $0.file, content: FileManager.default.contents(atPath: $0.file)) }
    }

    private static func path(_ stateDirectory: String) -> String { stateDirectory + "/in-force.json" }

    package func write(stateDirectory: String) throws {
        let path = Self.path(stateDirectory)
        try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        chmod(path, 0o600)
    }

    /// Returns what the daemon of that state folder has in force; nil where no daemon holds the lock, or where it has written nothing.
    package static func read(stateDirectory: String) -> InForce? {
        guard let holder = DaemonLock.holder(stateDirectory: stateDirectory), holder.work == .daemon,
            let bytes = FileManager.default.contents(atPath: path(stateDirectory)),
            let read = try? JSONDecoder().decode(InForce.self, from: bytes), read.pid == holder.pid
        else { return nil }
        return read
    }
}
