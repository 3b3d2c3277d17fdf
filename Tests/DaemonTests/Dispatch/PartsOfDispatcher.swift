import Arrivals
import Attempts
import Ledger
import LedgerSupport
import Logging
import PipelineConfig
import Reasons
import TestSupport
import Testing

@testable import Daemon

/// What the parts of a dispatcher need: a ledger on disk, a publisher without one, and a scheduler, with a pipeline `p` in force.
final class PartsOfDispatcher {
    /// The pipeline `p` where it learns from labels.
    static let learning = DiskWorld.yaml.replacing("models: spool/models,", with: "models: spool/models, labelled: spool/labels,")
        .replacing("schema: { key: [id],", with: "schema: { key: [id], label: y,")
        .replacing("forward: {}", with: "optimize: { gradient: { loss: mean_squared_error, optimizer: sgd } }, forward: {}")

    let directory: TemporaryDirectory
    let ledger: RunLedger
    let publisher = MemoryPublisher()
    let scheduler = Scheduler()
    let pipelines: PipelinesInForce
    let log = Logger(label: "parts") { _ in SwiftLogNoOpLogHandler() }
    var now = UTCTime(milliseconds: 1_800_000_000_000)
    private var stamps: Int64 = 0

    init(_ yaml: String = DiskWorld.yaml) throws {
        directory = try TemporaryDirectory("parts")
        ledger = try RunLedger(stateDirectory: directory.path)
        pipelines = PipelinesInForce(ledger: ledger, log: log)
        try use(yaml)
        scheduler.add(pipeline: "p")
    }

    var pipeline: Pipeline { pipelines["p"]! }

    func use(_ yaml: String) throws {
        try pipelines.use([PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: "/nowhere")])
    }

    /// Has the ledger number a file.
    func arrive(_ name: String, _ role: ArrivalRole = .data, _ content: String = "rows1") throws -> WaitingArrival {
        stamps += 1
        let file = ArrivedFile(
            SpoolPlace(pipeline: "p", role: role, path: name), digest: content,
            stamp: .init(device: 1, inode: stamps, size: 1, changed: stamps),
            outputKey: role == .data ? name : nil)
        let outcome = try #require(try ledger.arrive([file], at: now).first)
        return WaitingArrival(outcome.number, file, arrivedAt: now)
    }

    /// Opens a run for an arrival.
    func open(_ arrival: WaitingArrival, version: Int? = nil) throws -> OpenAttempt {
        let opening = RunOpening(arrival: arrival.number, version: version, revision: pipeline.revision.full)
        let run = try #require(try ledger.open([opening], at: now).first?.run)
        return OpenAttempt(arrival: arrival, run: run, pipeline: pipeline)
    }

    /// Numbers a file and opens a run for it.
    func attempt(_ name: String = "a.csv", _ role: ArrivalRole = .data) throws -> OpenAttempt { try open(arrive(name, role)) }

    /// What may start now, with a version in force.
    func starts() -> [Int64] { scheduler.starts(now: now.scheduling, room: 99).map(\.arrival) }

    func failure(_ kind: Failure.Kind) -> Failure { Failure(kind, what: "the test says so", place: "a.csv", remedy: "None.") }

    func state(_ arrival: WaitingArrival) throws -> ArrivalState? { try ledger.arrival(arrival.number)?.state }

    func wait(_ seconds: Double) { now = now.advanced(by: .seconds(seconds)) }
}
