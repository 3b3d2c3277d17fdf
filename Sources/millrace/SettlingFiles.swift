import Daemon
import Ledger
import PipelineConfig
import Watcher

/// What stands in a pipeline's spools and has no number yet: found by looking there, so that it is seen with or without a daemon. One question to the
/// ledger per file; only the first few are kept.
struct SettlingFiles: Encodable {
    struct File: Encodable {
        let role: ArrivalRole
        /// To its spool.
        let path: String
        let reason: String
        let remedy: String
    }

    let pipeline: String
    private(set) var count = 0
    private(set) var first: [File] = []

    init(of pipeline: Pipeline, ledger: RunLedger, daemon: DaemonLock.Holder?, samples: Int = 10) throws(LedgerError) {
        self.pipeline = pipeline.name
        var failure: LedgerError?
        for (role, entry) in pipeline.spools {
            SpoolDirectory(id: "", path: entry.path, include: entry.include).eachCandidate { path, stamp in
                guard failure == nil else { return }
                let place = SpoolMap.Place(pipeline: pipeline, role: role, entry: entry, relativePath: path)
                do throws(LedgerError) {
                    guard let verdict = try Self.verdict(of: place, stamp, ledger, daemon), verdict.word == .waiting else { return }
                    count += 1
                    guard first.count < samples else { return }
                    first.append(File(role: role, path: path, reason: verdict.explanation.reason, remedy: verdict.explanation.remedy))
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    /// Nil where the file is what was numbered.
    private static func verdict(
        of place: SpoolMap.Place, _ stamp: Watcher.FileStamp, _ ledger: RunLedger, _ daemon: DaemonLock.Holder?
    ) throws(LedgerError) -> FileVerdict? {
        let path = place.entry.path + "/" + place.relativePath
        guard let known = try ledger.stamp(of: place.relativePath, pipeline: place.pipeline.name, role: place.role) else {
            return FileVerdict(unseen: path, at: place, settle: place.pipeline.settle, daemon: daemon)
        }
        if stamp.recorded == known { return nil }
        let whole = try ledger.explain(path: place.relativePath, pipeline: place.pipeline.name, role: place.role, visits: 1, now: .now).first
        guard let whole, let arrival = whole.visits.first?.arrival else { return nil }
        return FileVerdict.newerContent(
            at: path, spool: place.entry.path, than: whole, companions: try ledger.companions(of: arrival.number))
    }
}
