import FileSystem
import Landing
import SystemPackage

/// The checkpoints of a run whose attempts are handed to workers on other machines. Each hand-out has a folder of its own in that of the run,
/// into which the newest checkpoints are linked: a worker that is lost and goes on writes where nobody reads, and the next attempt goes on
/// from what it had written until then.
struct AwayCheckpoints {
    private let run: FilePath

    /// - Parameter run: the path of the folder of the run's checkpoints.
    init(_ run: String) { self.run = FilePath(run) }

    /// Makes the folder of a hand-out and returns it.
    /// - Parameter name: the name of the hand-out.
    func handOut(as name: String) throws(FileSystemError) -> FilePath {
        try takeHome()
        let folder = run.appending(name)
        try Disk.makeDirectories(folder)
        try link(from: run, to: folder)
        return folder
    }

    /// Links what the latest hand-out has left into the run's own folder, and removes the folders of all hand-outs.
    func takeHome() throws(FileSystemError) {
        let away = try Disk.names(in: run).filter { $0.string.hasPrefix(StagingArea.awayPrefix) }.map { run.appending($0) }
        var newest: (folder: FilePath, number: Int)?
        for folder in away {
            let number = try Self.newest(in: folder)
            if number > newest?.number ?? -1 { newest = (folder, number) }
        }
        if let newest, newest.number > (try Self.newest(in: run)) { try link(from: newest.folder, to: run) }
        for folder in away { try Disk.removeTree(folder) }
    }

    private func link(from: FilePath, to: FilePath) throws(FileSystemError) {
        for name in try Disk.names(in: from) where Self.isOfCheckpoint(name.string) {
            let (source, target) = (from.appending(name), to.appending(name))
            switch Disk.link(source, target) {
            // A file that was pruned meanwhile belongs to no checkpoint that counts.
            case nil, .noSuchFileOrDirectory?, .fileExists?: break
            // Some file systems have no links.
            default: try Disk.clone(source, to: target)
            }
        }
    }

    /// Returns the number of the newest checkpoint in a folder; -1 where there is none.
    private static func newest(in folder: FilePath) throws(FileSystemError) -> Int {
        try Disk.names(in: folder).compactMap { name in
            name.string.hasPrefix("checkpoint-") && name.string.hasSuffix(".json") ? Int(name.string.dropFirst(11).dropLast(5)) : nil
        }.max() ?? -1
    }

    private static func isOfCheckpoint(_ name: String) -> Bool { ["checkpoint-", "state-", "best-"].contains { name.hasPrefix($0) } }
}
