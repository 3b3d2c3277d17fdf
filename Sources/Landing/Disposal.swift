package import Arrivals
package import FileSystem
package import SystemPackage

/// Describes one file of an arrival, as it was when it was read.
package struct SpoolFile: Hashable, Sendable {
    package let path: FilePath
    /// The path relative to the spool; archive and quarantine use the same path.
    package let relative: FilePath
    package let digest: String
    package let stamp: FileStamp

    package init(path: FilePath, relative: FilePath, digest: String, stamp: FileStamp) {
        self.path = path
        self.relative = relative
        self.digest = digest
        self.stamp = stamp
    }
}

extension SpoolFile {
    /// Returns the files of an arrival, the file itself first; nil where they are not what was read any more. A model with external data
    /// was read under one digest and one stamp for all its files together, so that the digest and stamp of each file are found here.
    /// - Parameter spool: the folder that the file arrived in.
    package static func files(of file: ArrivedFile, in spool: FilePath) throws(FileSystemError) -> [SpoolFile]? {
        let relative = FilePath(file.path)
        let companions = file.companions
        let path = spool.pushing(relative)
        guard !companions.isEmpty else { return [SpoolFile(path: path, relative: relative, digest: file.digest, stamp: file.stamp)] }
        let access = SpoolAccess(root: spool)
        do throws(FileSystemError) {
            guard let status = try access.status(relative), let own = try access.digest(relative),
                FileDigest.ofModel(digest: own, companions: companions.map { (name: $0.path, digest: $0.digest) }) == file.digest
            else { return nil }
            let folder = relative.removingLastComponent()
            return [SpoolFile(path: path, relative: relative, digest: own, stamp: status.stamp)]
                + companions.map { companion in
                    let beside = folder.pushing(FilePath(companion.path))
                    return SpoolFile(path: spool.pushing(beside), relative: beside, digest: companion.digest, stamp: companion.stamp)
                }
        } catch .missing {
            return nil
        } catch .outsideSpool {
            return nil
        }
    }
}

/// Does with an input what `after:` says once its result is durable; call it only then.
package struct Disposal: Sendable {
    package enum Rule: Hashable, Sendable {
        case keep
        case archive(FilePath)
        case delete
    }

    package enum Outcome: Hashable, Sendable {
        case kept, deleted
        /// The inputs were archived under these final names, which differ from the mirrored ones where other content had those.
        case archived([FilePath])
        /// Newer content is there, or a program is writing: everything is where it was and must settle again.
        case changed
        /// Someone else removed the input.
        case gone
    }

    private let rule: Rule
    private let area: StagingArea
    private let areas: [StagingArea]
    private let access: FileAccess
    private let mode: UInt16?

    /// Makes a disposal. `area` is on the spool's mount; `areas` has one on the archive's mount.
    /// - Parameters:
    ///   - access: the access of folders that are made in the archive.
    ///   - mode: the mode of the files in the archive; nil leaves them theirs.
    package init(
        _ rule: Rule, area: StagingArea, areas: [StagingArea] = [], access: FileAccess = .standard, mode: UInt16? = nil
    ) {
        self.access = access
        self.mode = mode
        self.rule = rule
        self.area = area
        self.areas = areas
    }

    /// Disposes of all files of one arrival together (a model with its external data), or of none.
    package func dispose(_ files: [SpoolFile]) throws(FileSystemError) -> Outcome {
        let destination: FilePath?
        switch rule {
        case .keep: return .kept
        case .archive(let root): destination = root
        case .delete: destination = nil
        }
        switch try InputRemoval(destination: destination, area: area, areas: areas, access: access, mode: mode).remove(files) {
        case .removed(let targets): return destination == nil ? .deleted : .archived(targets)
        case .changed: return .changed
        case .gone: return .gone
        }
    }

    /// Finishes or takes back what a crash interrupted, for quarantine too. It is called at start, before anything is watched.
    package static func recover(area: StagingArea, areas: [StagingArea] = []) throws(FileSystemError) {
        try InputRemoval.recover(area: area, areas: areas)
    }
}

extension SpoolFile {
    /// The spool that the file is in.
    var spool: SpoolAccess {
        var root = path
        for _ in relative.components { root.removeLastComponent() }
        return SpoolAccess(root: root)
    }
}
