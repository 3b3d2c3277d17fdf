package import Arrivals
package import FileSystem
package import SystemPackage

/// One file of an arrival, as it was when it was read.
package struct SpoolFile: Hashable, Sendable {
    package let path: FilePath
    /// To the spool; archive and quarantine mirror it.
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
    /// Returns the files of an arrival, the file itself first: nil where they are not what was read any more. A model with external data was
    /// read under one digest and one stamp for all its files together, so that its own are found here.
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

/// What `after:` does to an input once its result is durable; call it only then.
package struct Disposal: Sendable {
    package enum Rule: Hashable, Sendable {
        case keep
        case archive(FilePath)
        case delete
    }

    package enum Outcome: Hashable, Sendable {
        case kept, deleted
        /// The final names, which differ from the mirrored ones where other content had those.
        case archived([FilePath])
        /// Newer content, or a writer at work: everything is where it was and is to be settled again.
        case changed
        /// Someone else removed it.
        case gone
    }

    private let rule: Rule
    private let area: StagingArea
    private let areas: [StagingArea]
    private let access: FileAccess

    /// `area` is on the spool's mount; `areas` has one on the archive's.
    package init(_ rule: Rule, area: StagingArea, areas: [StagingArea] = [], access: FileAccess = .standard) {
        self.access = access
        self.rule = rule
        self.area = area
        self.areas = areas
    }

    /// All files of one arrival together (a model with its external data), or none.
    package func dispose(_ files: [SpoolFile]) throws(FileSystemError) -> Outcome {
        let destination: FilePath?
        switch rule {
        case .keep: return .kept
        case .archive(let root): destination = root
        case .delete: destination = nil
        }
        switch try InputRemoval(destination: destination, area: area, areas: areas, access: access).remove(files) {
        case .removed(let targets): return destination == nil ? .deleted : .archived(targets)
        case .changed: return .changed
        case .gone: return .gone
        }
    }

    /// At start, before anything is watched: finishes or takes back what a crash left on its way, for quarantine too.
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
