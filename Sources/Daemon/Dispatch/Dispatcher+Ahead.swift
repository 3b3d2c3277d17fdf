package import Arrivals
import Attempts
import FileSystem
package import Ledger
import PipelineConfig
import SystemPackage
package import Watcher

extension Dispatcher {
    /// Takes note that a large data file is being read for its digest, which the ledger does not know.
    package func isRead(_ file: CompleteFile) { ahead.isRead(file) }

    /// Takes note that files which were being read will not be numbered as they were.
    package func areForgotten(_ places: [SpoolPlace]) {
        for place in places { ahead.forget(place) }
    }

    /// Throws away what was scored of files without a run.
    package func endAhead() { ahead.discard() }

    /// Returns an order to score ranges of a file that is being read for its digest; nil where none begins. What was scored under an
    /// earlier order is thrown away where another model, pipeline or pause has come between.
    package func orderAhead() throws(LedgerError) -> AheadOrder? {
        ahead.verify(bindingOfNewData)
        while let file = ahead.next(where: { mayScoreAhead(in: $0.place.pipeline) }) {
            if let order = try beginAhead(file) { return order }
        }
        return nil
    }

    /// Returns whether new data of the pipeline would be scored in ranges, and waits for nothing.
    private func mayScoreAhead(in name: String) -> Bool {
        guard let pipeline = pipelines[name], pipeline.forward != nil, pipeline.land.outputs?.format.isTable == true else { return false }
        guard let (version, _) = bindingOfNewData(in: name), !scheduler.awaitsFirstData(in: name) else { return false }
        return pipeline.executionSubject(version).map { !executions.isOpen($0) } ?? true
    }

    /// Returns the version and the revision that would score new data of a pipeline; nil where new data would wait.
    private func bindingOfNewData(in pipeline: String) -> (version: Int, revision: String)? {
        guard let version = scheduler.versionForNewData(in: pipeline), let revision = pipelines.revision(of: pipeline) else { return nil }
        return (version, revision)
    }

    private func beginAhead(_ file: CompleteFile) throws(LedgerError) -> AheadOrder? {
        let name = file.place.pipeline
        guard let pipeline = pipelines[name], let (version, revision) = bindingOfNewData(in: name) else { return nil }
        let pins = try columns.pins(of: name, revision: revision)
        guard let parts = publisher.makeAheadParts(ahead.number(), pipeline: pipeline) else { return nil }
        do throws(Failure) {
            let order = AheadOrder(try specs.ahead(file, pipeline, version: version, pins: pins, parts: parts), folder: parts)
            ahead.begin(file, version: version, revision: revision, order)
            FaultPoint.reach(.aheadBegun)
            return order
        } catch {
            // The run of the file fails in the same way, and says so.
            try? Disk.removeTree(FilePath(parts))
            return nil
        }
    }

    /// Gives a run the parts that were scored of its file before it was open. Whether they fit, the attempt finds out by their plan.
    func takeAhead(_ run: OpenedRun, _ arrival: WaitingArrival, _ pipeline: Pipeline) {
        guard arrival.role == .data, let order = ahead.take(arrival.file) else { return }
        guard order.take({ publisher.takeAheadParts($0, for: run.number, pipeline: pipeline) }) else { return }
        FaultPoint.reach(.aheadTaken)
    }
}
