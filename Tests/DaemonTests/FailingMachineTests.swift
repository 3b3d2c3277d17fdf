import Arrivals
import Attempts
import Daemon
import Foundation
import Ledger
import LedgerSupport
import Logging
import PipelineConfig
import Reasons
import TestSupport
import Testing

/// How a pipeline waits for a machine that fails, on a manual clock.
@Suite struct FailingMachineTests {
    /// A world with a model, a file that is scored, and three that are numbered and not yet tried.
    private func world() throws -> DiskWorld {
        let world = try DiskWorld()
        try world.publishModel()
        try world.drop(.data, "first.csv", "id,x\n0,1\n")
        try world.round { try world.wrote(["": "id,y\n0,2\n"], $0, rows: 1) }
        for name in ["a", "b", "c"] { try world.drop(.data, name + ".csv", "id,x\n\(name),1\n") }
        return world
    }

    private func seconds(_ world: DiskWorld) throws -> Double {
        let wake = try #require(world.dispatcher.nextWake())
        return wake.duration(since: world.now) / .seconds(1)
    }

    /// Those that were under way together fail together: that is one failure of the machine, and no longer pause.
    @Test func attemptsThatFailTogetherAreOneFailure() throws {
        let world = try world()
        #expect(try world.round(then: .zero) { world.failed(.machine, $0) }.count == 3)
        #expect(try seconds(world) == 1)
        #expect(try world.round(then: .zero) { _ in throw Unmet("started in the pause") }.isEmpty)
    }

    /// One file at a time finds out whether the machine works again, after longer and longer pauses; then all go on, and the next failure
    /// begins with a short pause.
    @Test func oneFileFindsOutWhetherTheMachineWorks() throws {
        let world = try world()
        try world.round(then: .seconds(1)) { world.failed(.machine, $0) }
        for pause in [2.0, 4, 8, 16, 32, 60, 60] {
            #expect(try world.round(then: .zero) { world.failed(.machine, $0) }.count == 1)
            #expect(try seconds(world) == pause)
            world.now = world.now.advanced(by: .seconds(pause))
        }
        func answer(_ spec: AttemptSpec) throws -> AttemptResult { try world.wrote(["": "id,y\n\(spec.run),2\n"], spec, rows: 1) }
        #expect(try world.round(then: .zero, answer).count == 1)
        // Lifted: the other two start together.
        #expect(try world.round(then: .zero) { world.failed(.machine, $0) }.count == 2)
        #expect(try seconds(world) == 1)
        world.now = world.now.advanced(by: .seconds(1))
        #expect(try world.round(then: .zero, answer).count == 1)
        #expect(try world.round(then: .zero, answer).count == 1)
        #expect(try ["a", "b", "c"].map { try world.state($0 + ".csv") } == [.done, .done, .done])
    }

    /// A file is to blame for a full disk only where nothing else of its pipeline lands: what has landed shows that the disk has room.
    @Test(arguments: [false, true]) func whatFillsTheDiskIsForgottenOnceSomethingLands(lands: Bool) throws {
        let directory = try TemporaryDirectory("filling")
        let ledger = try RunLedger(stateDirectory: directory.path)
        let publisher = MemoryPublisher()
        let pipeline = try PipelineFile.read(Array(DiskWorld.yaml.utf8), source: "p.yaml", root: "/nowhere")
        let dispatcher = Dispatcher(ledger: ledger, publisher: publisher, log: Logger(label: "filling") { _ in SwiftLogNoOpLogHandler() })
        var now = UTCTime(milliseconds: 1_800_000_000_000)
        try dispatcher.use([pipeline])
        func drop(_ role: ArrivalRole, _ name: String, _ content: String) throws {
            let stamp = FileStamp(device: 1, inode: Int64(name.utf8.first!), size: 1, changed: 1)
            let file = ArrivedFile(
                SpoolPlace(pipeline: "p", role: role, path: name), digest: content, stamp: stamp, outputKey: role == .data ? name : nil)
            try dispatcher.arrived(.init(pipeline: "p", at: now, arrivals: Array(zip([file], try ledger.arrive([file], at: now)))))
        }
        /// Starts what may start, and fills the disk with what is made of `large`. Returns the names of what was started.
        func round() throws -> [String] {
            let started = try dispatcher.assignments(at: now)
            for assignment in started {
                let name = assignment.spec.data.map { String($0.path.split(separator: "/").last!) } ?? ""
                publisher.fillsDisk = name == "large.csv"
                let failure = Failure(.machine, what: "no space", place: name, remedy: "")
                try dispatcher.finish(
                    [(assignment, name == "large.csv" ? AttemptResult(failure: failure) : publisher.execute(assignment.spec))], at: now)
            }
            now = now.advanced(by: .seconds(61))
            return started.map { $0.spec.data.map { String($0.path.split(separator: "/").last!) } ?? "model" }
        }
        func state(_ name: String) throws -> ArrivalState? {
            try ledger.explain(path: name, pipeline: "p", now: now).first?.visits.first?.arrival.state
        }
        try drop(.model, "m.onnx", "plus1")
        #expect(try round() == ["model"])
        try drop(.data, "first.csv", "rows1")
        #expect(try round() == ["first.csv"])
        try drop(.data, "large.csv", "rows2")
        for number in 1...3 {
            // Both start together, and what is made of the small one finds room.
            if lands { try drop(.data, "\(number).csv", "rows3") }
            #expect(try round() == (lands ? ["large.csv", "\(number).csv"] : ["large.csv"]))
        }
        #expect(try state("large.csv") == (lands ? .waiting : .quarantined))
    }

    /// A file that cannot be read holds up no other, and ends no wait of the pipeline's.
    @Test func aFileThatCannotBeReadWaitsAlone() throws {
        let world = try world()
        func answer(_ spec: AttemptSpec) throws -> AttemptResult {
            spec.data?.path.hasSuffix("b.csv") == true
                ? world.failed(.unreadable, spec) : try world.wrote(["": "id,y\n\(spec.run),2\n"], spec, rows: 1)
        }
        #expect(try world.round(then: .zero, answer).count == 3)
        #expect(try ["a", "b", "c"].map { try world.state($0 + ".csv") } == [.done, .waiting, .done])
        #expect(try seconds(world) == 1)
    }
}
