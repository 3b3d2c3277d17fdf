package import Arrivals
package import Ledger
package import PipelineConfig
import Reasons
import Watcher

/// Lists the files that are in a pipeline's spools and have no number yet. They are found by looking there, so that they are seen with or
/// without a daemon, with one question to the ledger for each file; only the first few are looked into.
package struct SettlingFiles: Encodable, Sendable {
    package struct File: Encodable, Sendable {
        package let role: ArrivalRole
        /// The path relative to its spool.
        package let path: String
        package let reason: String
        package let remedy: String
    }

    package let pipeline: String
    package private(set) var count = 0
    package private(set) var first: [File] = []

    package init(of pipeline: Pipeline, ledger: RunLedger, daemon: DaemonLock.Holder?, samples: Int = 10) throws(LedgerError) {
        self.pipeline = pipeline.name
        var failure: LedgerError?
        for (role, entry) in pipeline.spools {
            let directory = SpoolDirectory(
                id: SpoolID(pipeline.name, role), path: entry.path, include: entry.include, ignoresSuffixCase: entry.ignoresSuffixCase)
            directory.eachCandidate { path, stamp in
                guard failure == nil else { return }
                do throws(LedgerError) {
                    let known = try ledger.stamp(of: path, pipeline: pipeline.name, role: role)
                    if known == stamp { return }
                    guard first.count < samples else { return count += 1 }
                    let place = SpoolMap.Place(pipeline: pipeline, role: role, entry: entry, relativePath: path)
                    let verdict =
                        try known == nil
                        ? FileVerdict(unseen: entry.path + "/" + path, at: place, settle: pipeline.settle, daemon: daemon)
                        : Self.verdict(ofChanged: place, ledger)
                    guard let verdict, verdict.word == .waiting else { return }
                    count += 1
                    first.append(File(role: role, path: path, reason: verdict.explanation.reason, remedy: verdict.explanation.remedy))
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    /// Returns the verdict on a known file whose stamp is another one; nil where only its stamp has changed.
    private static func verdict(ofChanged place: SpoolMap.Place, _ ledger: RunLedger) throws(LedgerError) -> FileVerdict? {
        let known = try ledger.explain(path: place.relativePath, pipeline: place.pipeline.name, role: place.role, visits: 1, now: .now)
            .first
        guard let known, let arrival = known.visits.first?.arrival else { return nil }
        return FileVerdict.newerContent(
            at: place.entry.path + "/" + place.relativePath, spool: place.entry.path, than: known,
            companions: try ledger.companions(of: arrival.number))
    }
}
