internal import Foundation
internal import Reasons

/// Holds the settings of `ROOT/millrace.yaml`: those of the daemon, and the defaults of its pipelines. Without the file every default
/// holds. Paths are absolute. `pipelines/README.md` has all keys with their defaults.
package struct RootSettings: Sendable, Equatable {
    /// The number of attempts at once on this machine, each in a worker process. Zero is possible only beside `executor`.
    package internal(set) var workers: Int?
    package internal(set) var threads: Int?
    package internal(set) var state: String
    package internal(set) var work: String
    /// The sum of the costs of the sessions that workers keep, which are counted by the bytes of their models.
    package internal(set) var sessions = 1 << 30
    package internal(set) var confinement = ConfinementMode.auto
    package internal(set) var limits = Limits()
    /// The number of versions that a pipeline keeps if its own file sets none.
    package internal(set) var keep = 5
    package internal(set) var format = OutputFormat.parquet
    package internal(set) var access = LandAccess()
    package internal(set) var retain = Retain()
    package internal(set) var notify: [String: NotifyTarget] = [:]
    package internal(set) var trust = Trust()
    /// The key by which what lands is signed; nil where nothing is.
    package internal(set) var sign: SigningKeyFile?
    /// How workers on other machines are had; nil where all are on this one.
    package internal(set) var executor: ExecutorSettings?

    /// Makes the settings that hold without a file.
    package init(root: String) {
        state = CanonicalPaths.absolute(".millrace", root: root)
        work = state
    }
}

/// Holds `ROOT/millrace.yaml` as it was found. A fault in it does not keep the rest from being read.
package struct RootFile: Sendable, Equatable {
    /// The path where the file is, or would be.
    package let path: String
    package let exists: Bool
    package let settings: RootSettings
    package let problems: [Problem]
    /// Tells whether it is certain, in spite of faults in the file, where the state is.
    package let hasKnownState: Bool

    /// Returns the paths where the file may be.
    package static func paths(root: String) -> [String] {
        ["millrace.yaml", "millrace.yml"].map { CanonicalPaths.absolute($0, root: root) }
    }

    package static func load(root: String) -> RootFile {
        let paths = paths(root: root)
        let standing = paths.filter { FileManager.default.fileExists(atPath: $0) }
        guard let path = standing.first else {
            return RootFile(path: paths[0], exists: false, settings: RootSettings(root: root), problems: [], hasKnownState: true)
        }
        let problems = ProblemList(file: shown(path))
        if standing.count > 1 {
            problems.add(
                .configUnreadable, Position(line: 1, column: 1), "", "\(shown(standing[1])) stands beside it", "remove one of them")
        }
        guard let read = RootReader.read(path: path, root: root, problems: problems) else {
            return RootFile(path: path, exists: true, settings: RootSettings(root: root), problems: problems.sorted, hasKnownState: false)
        }
        let isPlain = !problems.all.contains { ["state", ""].contains($0.key) || $0.remedy.contains("`state`") }
        return RootFile(path: path, exists: true, settings: read, problems: problems.sorted, hasKnownState: isPlain)
    }

    /// Returns whether `file` is the settings file of this root, and so no pipeline.
    func isItself(_ file: String) -> Bool { CanonicalPaths.real(CanonicalPaths.absolute(file, root: ".")) == CanonicalPaths.real(path) }

    /// Returns the path relative to the current directory if it is in it.
    private static func shown(_ path: String) -> String {
        let here = FileManager.default.currentDirectoryPath
        return path.hasPrefix(here + "/") ? String(path.dropFirst(here.count + 1)) : path
    }
}
