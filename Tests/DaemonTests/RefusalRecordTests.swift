import Arrivals
import FileSystem
import Foundation
import Logging
import PipelineConfig
import TestSupport
import Testing

@testable import Daemon
@testable import Ledger
@testable import Watcher

@Suite struct RefusalRecordTests {
    /// Of two files with one output the ledger refuses the second: that it is refused and the event that tells of it are recorded together,
    /// so that no death in between leaves a refusal that nobody hears of.
    @Test func aRefusalAndItsEventAreOneTransaction() throws {
        let directory = try TemporaryDirectory("refusal")
        let ledger = try RunLedger(stateDirectory: directory(".millrace"))
        let intake = Intake(
            ledger: ledger, conditions: ConditionBoard(ledger: ledger), log: Logger(label: "intake") { _ in SwiftLogNoOpLogHandler() })
        let yaml = """
            name: p
            spool: { models: models, data: data }
            schema: { key: [id], keep: [id] }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            """
        _ = intake.directories(for: [try PipelineFile.read(Array(yaml.utf8), source: "p.yaml", root: directory.path)])
        try ledger.write { (tx) throws(LedgerError) in
            _ = try tx.connection.run(
                "CREATE TRIGGER refusing BEFORE INSERT ON events WHEN NEW.kind = 'refused' BEGIN SELECT RAISE(ABORT, 'as if it died'); END")
        }
        let jobs = intake.take(
            ["a.csv", "a.jsonl"].map { name in
                .complete(
                    CompleteFile(
                        place: SpoolPlace(pipeline: "p", role: .data, path: name), stamp: .init(device: 1, inode: 1, size: 10, changed: 1),
                        format: nil, settledBy: .renamed, companions: [], endsWithNewline: nil, sequence: 0, settledIn: .zero))
            })
        let read = jobs.map { job in
            Hashed(
                job: job,
                result: .success(
                    ArrivedFile(
                        job.place, digest: job.place.path, stamp: job.file.stamp, outputKey: "a.csv", settledBy: job.file.settledBy.rawValue
                    )))
        }
        _ = intake.take(read, at: .now)
        var lost: [SpoolPlace] = []
        #expect(throws: LedgerError.self) { try intake.number(at: .now) { lost = $0 } }
        #expect(try lost.count == 2 && ledger.arrivals().isEmpty)
    }
}
