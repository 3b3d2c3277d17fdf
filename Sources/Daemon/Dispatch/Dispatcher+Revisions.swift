import Ledger
import Logging
import PipelineConfig

extension Dispatcher {
    /// Returns the pipeline that an attempt of `run` is made with: as it was under the run's revision, with the paths of now. A run whose
    /// revision is not known any more, from a ledger that did not keep it whole, is bound to the one in force instead, so that no output
    /// names a revision that did not make it.
    func boundPipeline(of run: inout OpenedRun, named name: String) throws(LedgerError) -> Pipeline {
        if let known = try pipeline(name, under: run.revision) { return known }
        let current = revisions[name]!
        log.notice(
            "work goes on under the present pipeline, since the one that it was opened under was not kept",
            metadata: [
                "pipeline.name": "\(name)", "run.id": "\(run.run)", "revision": "\(current.prefix(12))",
                "was": "\(run.revision.prefix(12))",
            ])
        let opened = run.run
        try ledger.write { (tx) throws(LedgerError) in try tx.rebind(run: opened, to: current) }
        run.revision = current
        return pipelines[name]!
    }

    /// Returns the pipeline as it was under `revision`; nil where that is not known.
    func pipeline(_ name: String, under revision: String) throws(LedgerError) -> Pipeline? {
        guard let current = pipelines[name] else { return nil }
        if revisions[name] == revision { return current }
        if let known = formerPipelines[name]?[revision] { return known }
        let former = try ledger.revision(revision).flatMap { current.under(revision: revision, body: $0) }
        formerPipelines[name, default: [:]][revision] = former
        return former
    }
}
