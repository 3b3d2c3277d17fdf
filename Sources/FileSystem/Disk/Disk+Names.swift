import Arrivals
import Glibc
package import SystemPackage

// Renames, copies and removes names. Nothing here follows a symbolic link in the last component.

extension Disk {
    /// Renames without replacing anything. Returns nil when it is done, else the reason why it is not.
    package static func renameKeeping(_ from: FilePath, _ to: FilePath) -> Errno? {
        perform(.rename(from, to: to)) {
            from.withPlatformString { from in to.withPlatformString { to in LinuxCalls.renameat2(from, to, LinuxCalls.renameNoReplace) } }
        }
    }

    package static func renameReplacing(_ from: FilePath, _ to: FilePath) -> Errno? {
        perform(.rename(from, to: to)) { from.withPlatformString { from in to.withPlatformString { to in rename(from, to) } } }
    }

    package static func link(_ from: FilePath, _ to: FilePath) -> Errno? {
        perform(.link(from, to: to)) { from.withPlatformString { from in to.withPlatformString { to in Glibc.link(from, to) } } }
    }

    /// Moves a file and never replaces another; where only `link` can promise that, it uses `link` and `unlink`.
    package static func moveFile(_ from: FilePath, _ to: FilePath) -> Errno? {
        switch renameKeeping(from, to) {
        case .invalidArgument?, .noFunction?, .notSupported?:
            if let failure = link(from, to) { return failure }
            return failure { from.withPlatformString { unlink($0) } }
        case let failure: return failure
        }
    }

    /// Moves a directory. Where only a plain rename works, that replaces an empty directory at most.
    package static func moveDirectory(_ from: FilePath, _ to: FilePath) -> Errno? {
        switch renameKeeping(from, to) {
        case .invalidArgument?, .noFunction?, .notSupported?: renameReplacing(from, to)
        case let failure: failure
        }
    }

    /// Removes a file. It is no error where there is none.
    package static func remove(_ path: FilePath) throws(FileSystemError) {
        if let failure = failure({ path.withPlatformString { unlink($0) } }), failure != .noSuchFileOrDirectory {
            throw error("remove", path, failure)
        }
    }

    package static func removeTree(_ path: FilePath) throws(FileSystemError) {
        guard let status = try status(path) else { return }
        guard status.kind == .directory else { return try remove(path) }
        for name in try names(in: path) { try removeTree(path.appending(name)) }
        if let failure = failure({ path.withPlatformString { rmdir($0) } }), failure != .noSuchFileOrDirectory {
            throw error("remove", path, failure)
        }
    }

    /// Removes a directory if it is empty. Returns false where something is in it, and true where there is none.
    package static func removeEmpty(_ path: FilePath) throws(FileSystemError) -> Bool {
        switch failure({ path.withPlatformString { rmdir($0) } }) {
        case nil, .noSuchFileOrDirectory?: return true
        case .directoryNotEmpty?, .fileExists?: return false
        case let failure?: throw error("remove", path, failure)
        }
    }

    /// Makes the directory and those above it; returns the directories that got a new entry, which must be synced. Without a `grant` the
    /// umask decides who may enter them.
    @discardableResult
    package static func makeDirectories(_ path: FilePath, _ grant: FolderGrant? = nil) throws(FileSystemError) -> [FilePath] {
        switch failure({ path.withPlatformString { mkdir($0, 0o777) } }) {
        case nil:
            if let grant { try Disk.grant(grant.access(of: path), folder: path) }
            return [path.removingLastComponent()]
        case .fileExists?:
            if isDirectory(path) { return [] }
            throw .system(doing: "make the directory", path: path, errno: .notDirectory)
        case .noSuchFileOrDirectory? where !path.removingLastComponent().isEmpty:
            let above = try makeDirectories(path.removingLastComponent(), grant)
            return above + (try makeDirectories(path, grant))
        case let failure?:
            throw error("make the directory", path, failure)
        }
    }

    // MARK: Replacing what is ours

    /// Renames a durable file over `target` and makes that durable. It is only for names that are ours by definition.
    package static func replaceOurs(_ target: FilePath, by staged: FilePath) throws(FileSystemError) {
        try replacing { () throws(FileSystemError) in
            if let failure = Disk.renameReplacing(staged, target) { throw renameFailure(failure, staged, target) }
        } syncing: { () throws(FileSystemError) in
            let directory = target.removingLastComponent()
            try Disk.sync(directory: directory.isEmpty ? "." : directory)
        }
    }

    static func replacing(
        _ rename: () throws(FileSystemError) -> Void, syncing sync: () throws(FileSystemError) -> Void
    ) throws(FileSystemError) {
        FaultPoint.reach(.replaceBegin)
        try rename()
        FaultPoint.reach(.replaceRenamed)
        try sync()
    }

    package static func renameFailure(_ failure: Errno, _ from: FilePath, _ to: FilePath) -> FileSystemError {
        switch failure {
        case .improperLink: .crossMount(from: from, to: to)
        case .noSuchFileOrDirectory where (try? Disk.status(from)) != .some(nil): Disk.error("publish", to, failure)
        case .noSuchFileOrDirectory: .missing(from)
        default: Disk.error("publish", to, failure)
        }
    }
}
