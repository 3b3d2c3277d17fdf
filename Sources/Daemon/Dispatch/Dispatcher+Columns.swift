import Attempts
import Landing
import Ledger
import Names
import PipelineConfig
import Reasons

/// The settings that the first file scored under a revision fixes for the files after it (SEMANTICS 19 and 20): the order of columns where
/// the schema leaves it to the file, and the types of kept columns of text.
struct ColumnPins {
    var orders: [String: [String]]
    var types: [String: String]
    /// The arrivals that pinned them.
    var arrivals: Set<Int64>

    /// The pins as manifests carry them; nil where nothing is pinned.
    var manifest: ManifestPins? {
        orders.isEmpty && types.isEmpty ? nil : ManifestPins(columns: orders.isEmpty ? nil : orders, types: types.isEmpty ? nil : types)
    }
}

extension Dispatcher {
    func pins(of pipeline: String, revision: String) throws(LedgerError) -> ColumnPins {
        if let known = columnPins[pipeline]?[revision] { return known }
        let found = ColumnPins(
            orders: try ledger.columnOrders(pipeline: pipeline, revision: revision),
            types: try ledger.keptTypes(pipeline: pipeline, revision: revision),
            arrivals: try ledger.pinningArrivals(pipeline: pipeline, revision: revision))
        columnPins[pipeline, default: [:]][revision] = found
        return found
    }

    /// Pins the columns and types that `result` found in its file. Files that ran at the same time as the first one did not know its pins,
    /// so they are compared here once more; returns nil where they agree.
    func pin(_ assignment: Assignment, _ result: AttemptResult) throws(LedgerError) -> Failure? {
        guard !result.columns.isEmpty || !result.types.isEmpty else { return nil }
        let pipeline = assignment.pipeline.name
        let revision = assignment.run.revision
        var pins = try pins(of: pipeline, revision: revision)
        if result.columns.contains(where: { pins.orders[$0.key] == nil }) || result.types.contains(where: { pins.types[$0.key] == nil }) {
            let arrival = assignment.arrival.number
            let (orders, types) = try ledger.write { (tx) throws(LedgerError) in
                (
                    try tx.pinColumns(result.columns, pipeline: pipeline, revision: revision, arrival: arrival),
                    try tx.pinTypes(result.types, pipeline: pipeline, revision: revision, arrival: arrival)
                )
            }
            pins = ColumnPins(orders: orders, types: types, arrivals: pins.arrivals.union([arrival]))
            columnPins[pipeline, default: [:]][revision] = pins
        }
        if let other = result.columns.sorted(by: { $0.key < $1.key }).first(where: { pins.orders[$0.key]?.areNames($0.value) != true }) {
            return Failure(
                .badInput, rule: .dataColumns, what: "the columns of input '\(other.key)' are not those of the first file, in their order",
                place: assignment.input.path,
                remedy: "Name them in the pipeline's schema.inputs, or write the file with its columns in the first file's order.")
        }
        // The file may fit the pinned type all the same: it is read again with that type.
        if let other = result.types.sorted(by: { $0.key < $1.key }).first(where: { pins.types[$0.key] != $0.value }) {
            return Failure(
                .cancelled, what: "column \(other.key) was read before its type was known", place: assignment.input.path,
                remedy: "It runs again.")
        }
        return nil
    }

    /// Makes files start one by one, in order, until a file with rows was scored under the revision in force, or pins of one are known: the
    /// first file's pins must not depend on which of several files finishes first.
    func awaitFirst(of pipeline: Pipeline) throws(LedgerError) {
        let revision = pipeline.revision.full
        let pins = try pins(of: pipeline.name, revision: revision)
        scheduler.startOneByOne(firstScored[pipeline.name] != revision && pins.types.isEmpty, in: pipeline.name)
    }

    /// Ends the waiting of the other files once a file with rows is scored.
    func scored(_ assignment: Assignment, _ result: AttemptResult) {
        let pipeline = assignment.pipeline.name
        guard result.rowCount ?? 0 > 0, revisions[pipeline] == assignment.run.revision else { return }
        firstScored[pipeline] = assignment.run.revision
        scheduler.startOneByOne(false, in: pipeline)
    }
}
