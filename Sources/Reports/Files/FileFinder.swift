import Arrivals
package import Ledger
import PipelineConfig

/// Finds the file that a person names: by a path on disk (from the current directory, or from the root), or by one relative to its spool
/// as the ledger and its messages spell it.
package struct FileFinder {
    package struct Found {
        /// The absolute path; nil where only the ledger's spelling is known.
        package var path: String?
        package var place: SpoolMap.Place?
        /// The ledger's entries of it: one, unless a relative path is in several spools.
        package var known: [FileExplanation]
    }

    let map: SpoolMap
    let ledger: RunLedger?
    let root: String

    /// - Parameters:
    ///   - ledger: nil where there is none; files are then found by their spools alone.
    ///   - root: the absolute path of the root.
    package init(map: SpoolMap, ledger: RunLedger?, root: String) {
        self.map = map
        self.ledger = ledger
        self.root = root
    }

    package func find(_ file: String) throws(LedgerError) -> Found {
        let here = CanonicalPaths.absolute(file, root: ".")
        for path in [here, CanonicalPaths.absolute(file, root: root)] {
            guard let place = map.place(of: path) else { continue }
            let known = try ledger?.explain(
                path: place.relativePath, pipeline: place.pipeline.name, role: place.role, strict: [place.pipeline].strict, now: .now)
            return Found(path: path, place: place, known: known ?? [])
        }
        guard let ledger else { return Found(path: here, known: []) }
        if let stamp = FileStamp(path: here) { return Found(path: here, known: try sameFile(here, stamp, ledger)) }
        let known = try ledger.explain(path: file, strict: map.pipelines.strict, now: .now)
        return Found(path: known.isEmpty ? here : nil, known: known)
    }

    /// Returns what the ledger knows of a file. Without the pipeline files the ledger does not say where spools are: every tail of the path
    /// is tried, and the file itself must agree.
    private func sameFile(_ path: String, _ stamp: FileStamp, _ ledger: RunLedger) throws(LedgerError) -> [FileExplanation] {
        var rest = path.dropFirst()
        while true {
            let known = try ledger.explain(path: String(rest), strict: map.pipelines.strict, now: .now).filter {
                $0.stamp.inode == stamp.inode && $0.stamp.device == stamp.device
            }
            if !known.isEmpty { return known }
            guard let slash = rest.firstIndex(of: "/") else { return [] }
            rest = rest[rest.index(after: slash)...]
        }
    }
}
