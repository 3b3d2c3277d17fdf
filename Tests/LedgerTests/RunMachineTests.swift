import Arrivals
import Foundation
import LedgerSupport
import Machine
import Reasons
import Testing

@testable import Ledger

/// On what attempts were executed.
@Suite struct RunMachineTests {
    private static let one = AttemptMachine(processor: "one: avx2", engine: "ONNX Runtime", engineVersion: "1.32.0")
    private static let other = AttemptMachine(processor: "two: avx2 avx512f", engine: "ONNX Runtime", engineVersion: "1.32.0")

    private func publish(_ run: Int64, _ f: Fixture, on machine: AttemptMachine?) throws {
        _ = try f.ledger.intend([
            Intention(run: run, output: OutputFile(root: "/out", path: "a.csv", digest: "d", byteCount: 1), machine: machine)
        ])
    }

    @Test func aRunSaysOnWhatItsResultWasMade() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try f.ledger.attemptFailed(
            [FailedAttempt(run: run, outcome: "resource", error: "disk full", nextAttemptAt: nil, machine: Self.other)], at: f.now)
        #expect(try f.ledger.run(run)?.machine == nil)
        _ = try f.open(1)
        try publish(run, f, on: Self.one)
        try f.ledger.close([RunClosing(run: run, outcome: .done(verdict: nil), machine: Self.one)], at: f.now)
        #expect(try f.ledger.run(run)?.machine == Self.one)
        #expect(try f.ledger.attempts(ofRun: run).map(\.machine) == [Self.other, Self.one])
        #expect(try f.ledger.runs().map(\.machine) == [Self.one])
        // Once each.
        let count = try f.ledger.read { (connection) throws(LedgerError) in
            try connection.first("SELECT count(*) FROM machines", row: { $0.integer(0) })
        }
        #expect(count == 2)
    }

    /// A daemon that finds an output in place knows it from what the one before intended.
    @Test func afterACrashTheOutputSaysIt() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        // An earlier attempt's output never got its name.
        try publish(run, f, on: Self.other)
        try f.ledger.attemptFailed([FailedAttempt(run: run, outcome: "machine", error: "gone", nextAttemptAt: nil)], at: f.now)
        _ = try f.open(1)
        try publish(run, f, on: Self.one)
        try f.reopen()
        try f.ledger.close([RunClosing(run: run, outcome: .done(verdict: nil))], at: f.now)
        #expect(try f.ledger.run(run)?.machine == Self.one)
    }

    /// The way in which the model was executed stands with the intention, for the manifest of a daemon that finds the output in place.
    @Test func anOutputSaysHowItsModelWasExecuted() throws {
        let f = try Fixture()
        let ways = [
            OutputExecution(way: "openvino float32 int8-static", formDigest: "f"), OutputExecution(way: "onnxruntime float32"), nil,
        ]
        for (index, way) in ways.enumerated() {
            try f.arrive("\(index).csv", "\(index)")
            let run = try #require(try f.open(Int64(index) + 1)).number
            let file = OutputFile(root: "/out", path: "\(index).csv", digest: "d", byteCount: 1)
            _ = try f.ledger.intend([Intention(run: run, output: file, execution: way)])
        }
        try f.reopen()
        for (index, way) in ways.enumerated() {
            let found = try #require(try f.ledger.newestPublication(at: "/out/\(index).csv"))
            #expect(found.execution == way)
            #expect(try JSONDecoder().decode(Publication.self, from: JSONEncoder().encode(found)) == found)
        }
    }

    @Test func whatDiedSaysNothing() throws {
        let f = try Fixture()
        try f.arrive("a.csv", "A")
        let run = try #require(try f.open(1)).number
        try publish(run, f, on: Self.one)
        try f.ledger.close([RunClosing(run: run, outcome: .quarantined(Fixture.explanation))], at: f.now)
        #expect(try f.ledger.run(run)?.machine == nil)
        #expect(try f.ledger.attempts(ofRun: run).map(\.machine) == [nil])
    }
}
