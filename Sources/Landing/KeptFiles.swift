package import FileSystem
package import Recipes
package import SystemPackage

/// Keeps what training needs again after the files that it came from are gone, in `training/PIPELINE` of the work folder: the rows that
/// were learnt from, the models that training starts from, and the checkpoints of attempts. Files are named by their digest, appear by one
/// rename, and share their blocks with the original where the file system allows that.
package struct KeptFiles: Hashable, Sendable {
    package let path: FilePath

    /// - Parameter work: `ROOT/.millrace`, or what `work:` of millrace.yaml says.
    package init(work: FilePath, pipeline: String) {
        path = work.appending("training").appending(pipeline)
    }

    // MARK: Places

    /// - Parameters:
    ///   - name: the name of the file that has these rows; its last two extensions say the format.
    ///   - privacy: the columns that are kept hashed or not at all. Such a file is no copy: its name says what it is without, and it is
    ///     not compressed.
    package func labels(_ digest: String, named name: String, privacy: RowPrivacy? = nil) -> FilePath {
        let last = FilePath(name).lastComponent?.string ?? name
        var suffix = last.split(separator: ".").dropFirst().suffix(2).map { $0.filter { $0.isASCII && ($0.isLetter || $0.isNumber) } }
        guard let privacy else { return labels.appending(([digest] + suffix.filter { !$0.isEmpty }).joined(separator: ".")) }
        if let end = suffix.last?.lowercased(), ["gz", "zst"].contains(end) { suffix.removeLast() }
        let format = suffix.last.map { $0.lowercased() == "tsv" ? "csv" : $0 } ?? ""
        return labels.appending("\(digest)-\(privacy.mark).\(format)")
    }

    /// Returns the path of `model.onnx`, which has its external data beside it.
    package func model(_ digest: String) -> FilePath { models.appending(digest).appending(VersionFile.model) }

    /// Returns the directory of checkpoints, which all attempts of a run share.
    package func checkpoints(run: Int64) -> FilePath { runs.appending(String(run)) }

    private var labels: FilePath { path.appending("labels") }
    private var models: FilePath { path.appending("models") }
    private var runs: FilePath { path.appending("checkpoints") }

    // MARK: Keeping

    /// Keeps a model with its external data and its adapter, by the version's digest.
    package func keepModel(_ files: [(name: String, path: FilePath)], digest: String) throws(FileSystemError) {
        let target = models.appending(digest)
        if try Disk.status(target) != nil { return }
        let beside = models.appending("." + digest)
        try Disk.removeTree(beside)
        for changed in try Disk.makeDirectories(beside) { try Disk.sync(directory: changed) }
        for file in files { try Disk.clone(file.path, to: beside.appending(file.name)) }
        try Disk.sync(directory: beside)
        FaultPoint.reach(.floatCopied)
        if let failure = Disk.moveDirectory(beside, target) { throw Disk.renameFailure(failure, beside, target) }
        try Disk.sync(directory: models)
    }

    // MARK: Letting go

    package func discard(_ kept: FilePath) throws(FileSystemError) { try Disk.removeTree(kept) }

    /// Removes labels, under whichever `privacy` they were kept.
    package func discardLabels(_ digest: String) throws(FileSystemError) {
        for name in try Disk.names(in: labels) where name.string.hasPrefix(digest) { try Disk.removeTree(labels.appending(name)) }
    }

    package func pruneModels(keeping digests: Set<String>) throws(FileSystemError) {
        for name in try Disk.names(in: models) where !digests.contains(name.string) { try Disk.removeTree(models.appending(name)) }
    }

    /// Removes the checkpoints of runs that are closed. It is called at start.
    package func pruneCheckpoints(keeping open: Set<Int64>) throws(FileSystemError) {
        for name in try Disk.names(in: runs) where Int64(name.string).map({ !open.contains($0) }) ?? true {
            try Disk.removeTree(runs.appending(name))
        }
    }
}

extension RowPrivacy {
    /// A short text that is the same for the same columns under the same key.
    fileprivate var mark: String {
        let facts = [drop.sorted(), hash.sorted(), [key?.id ?? ""]].map { $0.map { "\($0.utf8.count):\($0)" }.joined(separator: " ") }
        return String(FileDigest.of(bytes: facts.joined(separator: "\n").utf8).prefix(16))
    }
}
