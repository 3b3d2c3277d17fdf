package import FileSystem
package import SystemPackage

/// Describes the folder `prepared` in the work folder, which has large models with their weights as the engine lays them out for a
/// processor. All workers map these files, so that a machine has the weights in memory once. Only the daemon's own processes write there.
package struct PreparedFolder: Hashable, Sendable {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    /// - Parameter work: the work folder: `ROOT/.millrace`, or what `work:` of millrace.yaml says.
    package init(work: FilePath) { path = work.appending("prepared") }

    /// Holds the names that one prepared model has in the folder.
    package struct Place: Hashable, Sendable {
        /// The name of the model's own folder. It appears by one rename, with all files in it.
        package let folder: String

        /// - Parameters:
        ///   - digest: the digest of the model, which covers its adapter.
        ///   - setting: everything else that the content depends on.
        package init(digest: String, setting: String) { folder = "\(digest)-\(FileDigest.of(bytes: setting.utf8).prefix(16))" }

        /// The name under which the folder is made. A folder there that is not locked is what a try that did not succeed has left.
        package var staging: String { "." + folder }
        /// The name of the file that the process locks that makes the folder.
        package var lock: String { ".\(folder).lock" }
    }

    /// Removes the models that are not among `digests`. Processes that have mapped one keep what they have mapped.
    /// - Parameter isStart: whether no worker runs, so that what is unfinished goes too.
    package func prune(keeping digests: Set<String>, isStart: Bool) throws(FileSystemError) {
        guard try Disk.status(path) != nil else { return }
        for name in try Disk.names(in: path).map(\.string) {
            let goes = name.hasPrefix(".") ? isStart : !digests.contains(String(name.prefix { $0 != "-" }))
            if goes { try Disk.removeTree(path.appending(name)) }
        }
    }
}
