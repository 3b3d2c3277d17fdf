import Daemon
import Foundation
import Ledger
import Runner
import Testing

/// How a pipeline waits for a machine that fails, on a manual clock.
@Suite struct MachineWaitTests {
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

    /// A file that cannot be read holds up no other, and ends no wait of the pipeline's.
    @Test func aFileThatCannotBeReadWaitsAlone() throws {
        let world = try world()
        func answer(_ spec: AttemptSpec) throws -> AttemptResult {
            spec.inputs["data"]?.path.hasSuffix("b.csv") == true
                ? world.failed(.unreadable, spec) : try world.wrote(["": "id,y\n\(spec.run),2\n"], spec, rows: 1)
        }
        #expect(try world.round(then: .zero, answer).count == 3)
        #expect(try ["a", "b", "c"].map { try world.state($0 + ".csv") } == [.done, .waiting, .done])
        #expect(try seconds(world) == 1)
    }
}
