import FileSystem
import Foundation
import Ledger
import PipelineConfig

extension Pipeline {
    /// Returns whether what is published under this name is the pipeline's own.
    func isOwn(_ name: String) -> Bool { name == self.name || name == was }

    /// The names under which it has published, the present one last.
    var names: [String] { [was, name].compactMap { $0 } }
}

/// Gives a pipeline with `was: OLD` what is known under its former name, once, when the daemon starts.
enum Renaming {
    struct Renamed {
        let old: String
        let new: String
    }

    /// Takes over what is known under former names. Returns the pipelines for which it did.
    /// - Parameter work: the folder in which labelled rows and the like are kept.
    static func apply(_ pipelines: [Pipeline], ledger: RunLedger, work: String, root: String) throws -> [Renamed] {
        var renamed: [Renamed] = []
        for pipeline in pipelines {
            guard let was = pipeline.was else { continue }
            // The folders are moved first: after a crash in between, the ledger still has the former name, and this is done again.
            guard try ledger.knows(was), try !ledger.knows(pipeline.name) else { continue }
            try move(work + "/training/" + was, to: work + "/training/" + pipeline.name)
            if pipeline.onError.quarantine == CanonicalPaths.absolute("quarantine/\(pipeline.name)", root: root) {
                try move(CanonicalPaths.absolute("quarantine/\(was)", root: root), to: pipeline.onError.quarantine)
            }
            FaultPoint.reach(.renameMoved)
            if try ledger.rename(was, to: pipeline.name) { renamed.append(Renamed(old: was, new: pipeline.name)) }
            FaultPoint.reach(.renameRecorded)
        }
        return renamed
    }

    /// Returns the pipelines whose former name has a history that only the next start can give them.
    static func pending(_ pipelines: [Pipeline], ledger: RunLedger) throws(LedgerError) -> [Pipeline] {
        var pending: [Pipeline] = []
        for pipeline in pipelines {
            guard let was = pipeline.was else { continue }
            if try ledger.knows(was), try !ledger.knows(pipeline.name) { pending.append(pipeline) }
        }
        return pending
    }

    private static func move(_ old: String, to new: String) throws {
        let files = FileManager.default
        guard files.fileExists(atPath: old), !files.fileExists(atPath: new) else { return }
        try files.createDirectory(atPath: (new as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try files.moveItem(atPath: old, toPath: new)
    }
}
