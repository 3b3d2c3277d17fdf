import Ledger
import Names
import PipelineConfig
import Runner

extension Dispatcher {
    /// Where the schema leaves an input's columns to the file's own order, the first file scored under a revision pins them (SEMANTICS 19).
    func columnOrder(of pipeline: String, revision: String) throws(LedgerError) -> [String: [String]] {
        if let known = columnOrders[pipeline]?[revision] { return known }
        let found = try ledger.columnOrders(pipeline: pipeline, revision: revision)
        columnOrders[pipeline, default: [:]][revision] = found
        return found
    }

    /// Pins what `result` bound in its file's order. Files that ran beside the first one did not know its order, so that it is compared here once
    /// more; nil where it agrees.
    func pin(_ assignment: Assignment, _ result: AttemptResult) throws(LedgerError) -> Failure? {
        guard !result.columns.isEmpty else { return nil }
        let pipeline = assignment.pipeline.name
        let revision = assignment.run.revision
        var order = try columnOrder(of: pipeline, revision: revision)
        if result.columns.contains(where: { order[$0.key] == nil }) {
            order = try ledger.write { (tx) throws(LedgerError) in
                try tx.pinColumns(result.columns, pipeline: pipeline, revision: revision, arrival: assignment.arrival.number)
            }
            columnOrders[pipeline, default: [:]][revision] = order
        }
        guard let other = result.columns.sorted(by: { $0.key < $1.key }).first(where: { order[$0.key]?.areNames($0.value) != true }) else { return nil }
        return Failure(
            .badInput, what: "the columns of input '\(other.key)' are not those of the first file, in their order", place: assignment.input.path,
            remedy: "Name them in the pipeline's schema.inputs, or write the file with its columns in the first file's order.")
    }
}
