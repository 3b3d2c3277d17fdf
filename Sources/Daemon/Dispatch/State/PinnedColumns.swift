import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import Names
import PipelineConfig
import Reasons

/// Holds the settings that the first file scored under a revision fixes for the files after it (SEMANTICS 19 and 20): the order of columns
/// where the schema leaves it to the file, and the types of kept columns of text.
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

/// Keeps the pins of every pipeline and revision that this process has worked under, and whether a pipeline's first file has fixed them.
final class PinnedColumns {
    private let ledger: RunLedger
    private let scheduler: Scheduler
    /// The pins by pipeline and revision, which are read from the ledger as they are needed.
    private var pins: [String: [String: ColumnPins]] = [:]
    /// The revision under which this process has scored a file with rows, by pipeline.
    private var firstScored: [String: String] = [:]

    init(ledger: RunLedger, scheduler: Scheduler) {
        self.ledger = ledger
        self.scheduler = scheduler
    }

    func pins(of pipeline: String, revision: String) throws(LedgerError) -> ColumnPins {
        if let known = pins[pipeline]?[revision] { return known }
        let found = ColumnPins(
            orders: try ledger.columnOrders(pipeline: pipeline, revision: revision),
            types: try ledger.keptTypes(pipeline: pipeline, revision: revision),
            arrivals: try ledger.pinningArrivals(pipeline: pipeline, revision: revision))
        pins[pipeline, default: [:]][revision] = found
        return found
    }

    /// Returns the pins for the manifest line of a file that pinned some of them; nil for other files.
    func manifest(of attempt: OpenAttempt) -> ManifestPins? {
        guard let pins = pins[attempt.pipeline.name]?[attempt.run.revision], pins.arrivals.contains(attempt.arrival.number) else {
            return nil
        }
        return pins.manifest
    }

    /// Pins the columns and types that `result` found in its file. Files that ran at the same time as the first one did not know its pins,
    /// so they are compared here once more; returns nil where they agree.
    func pin(_ attempt: OpenAttempt, _ result: AttemptResult) throws(LedgerError) -> Failure? {
        guard !result.columns.isEmpty || !result.types.isEmpty else { return nil }
        let pipeline = attempt.pipeline.name
        let revision = attempt.run.revision
        var known = try pins(of: pipeline, revision: revision)
        if result.columns.contains(where: { known.orders[$0.key] == nil }) || result.types.contains(where: { known.types[$0.key] == nil }) {
            let arrival = attempt.arrival.number
            let (orders, types) = try ledger.write { (tx) throws(LedgerError) in
                (
                    try tx.pinColumns(result.columns, pipeline: pipeline, revision: revision, arrival: arrival),
                    try tx.pinTypes(result.types, pipeline: pipeline, revision: revision, arrival: arrival)
                )
            }
            FaultPoint.reach(.pinsRecorded)
            known = ColumnPins(orders: orders, types: types, arrivals: known.arrivals.union([arrival]))
            pins[pipeline, default: [:]][revision] = known
        }
        if let other = result.columns.sorted(by: { $0.key < $1.key }).first(where: { known.orders[$0.key]?.areNames($0.value) != true }) {
            return Failure(
                .badInput, rule: .dataColumns, what: "the columns of input '\(other.key)' are not those of the first file, in their order",
                place: attempt.arrival.path,
                remedy: "Name them in the pipeline's schema.inputs, or write the file with its columns in the first file's order.")
        }
        // The file may fit the pinned type all the same: it is read again with that type.
        if let other = result.types.sorted(by: { $0.key < $1.key }).first(where: { known.types[$0.key] != $0.value }) {
            return Failure(
                .cancelled, what: "column \(other.key) was read before its type was known", place: attempt.arrival.path,
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

    /// Ends the waiting of the other files, since one with rows is scored under the revision in force.
    func firstIsScored(of pipeline: String, revision: String) {
        firstScored[pipeline] = revision
        scheduler.startOneByOne(false, in: pipeline)
    }
}
