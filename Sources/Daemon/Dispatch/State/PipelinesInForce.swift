import Arrivals
import Ledger
import Logging
import PipelineConfig

/// Keeps the pipelines in force with their revisions, and pipelines as they were before an edit, for runs that were opened under them.
///
/// Work that is handed out keeps the pipeline that it was opened under.
final class PipelinesInForce {
    private let ledger: RunLedger
    private let log: Logger
    private var current: [String: Pipeline] = [:]
    /// The revisions of the pipelines in force: every file asks for one, and to make it takes a digest.
    private var revisions: [String: String] = [:]
    /// Pipelines that are not in force any more, by name and revision, which are read from the ledger as they are needed.
    private var former: [String: [String: Pipeline]] = [:]

    init(ledger: RunLedger, log: Logger) {
        self.ledger = ledger
        self.log = log
    }

    subscript(name: String) -> Pipeline? { current[name] }

    var names: Dictionary<String, Pipeline>.Keys { current.keys }

    var all: Dictionary<String, Pipeline>.Values { current.values }

    func revision(of name: String) -> String? { revisions[name] }

    /// Puts `pipelines` in force in place of those before, and records their revisions.
    func use(_ pipelines: [Pipeline]) throws(LedgerError) {
        current = Dictionary(pipelines.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        revisions = current.mapValues(\.revision.full)
        former = [:]
        let carried = try ledger.write { (tx) throws(LedgerError) in
            var carried: [Pipeline] = []
            for pipeline in current.values
            where try tx.carryOver(from: pipeline.formerRevision.full, to: pipeline.revision.full, at: .now) { carried.append(pipeline) }
            for (name, pipeline) in current { try tx.keepRevision(revisions[name]!, body: pipeline.revisionBody.text) }
            return carried
        }
        for pipeline in carried {
            log.notice(
                "what was done before the form of revisions changed stays done",
                metadata: ["pipeline.name": "\(pipeline.name)", "revision": "\(pipeline.revision)", "was": "\(pipeline.formerRevision)"])
        }
    }

    /// Returns the pipeline as it was under `revision`; nil where that is not known.
    func pipeline(_ name: String, under revision: String) throws(LedgerError) -> Pipeline? {
        guard let pipeline = current[name] else { return nil }
        if revisions[name] == revision { return pipeline }
        if let known = former[name]?[revision] { return known }
        let found = try ledger.revision(revision).flatMap { pipeline.under(revision: revision, body: $0) }
        former[name, default: [:]][revision] = found
        return found
    }

    /// Returns the pipeline that an attempt of `run` is made with: as it was under the run's revision, with the paths of now. A run whose
    /// revision is not known any more, from a ledger that did not keep it whole, is bound to the one in force instead, so that no output
    /// names a revision that did not make it.
    func pipeline(_ name: String, boundTo run: inout OpenedRun) throws(LedgerError) -> Pipeline {
        if let known = try pipeline(name, under: run.revision) { return known }
        let revision = revisions[name]!
        log.notice(
            "work goes on under the present pipeline, since the one that it was opened under was not kept",
            metadata: [
                "pipeline.name": "\(name)", "run.id": "\(run.number)", "revision": "\(revision.prefix(12))",
                "was": "\(run.revision.prefix(12))",
            ])
        let opened = run.number
        try ledger.write { (tx) throws(LedgerError) in try tx.rebind(run: opened, to: revision) }
        run.revision = revision
        return current[name]!
    }
}
