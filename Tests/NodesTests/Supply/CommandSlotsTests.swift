import Testing

@testable import Nodes

@Suite struct CommandSlotsTests {
    private func fail(_ slots: inout CommandSlots, _ number: Int, at now: Duration, after: Duration = .seconds(1)) {
        slots.started(number, at: now)
        slots.ended(number, status: 255, "no route to host", at: now + after)
    }

    @Test func aNumberThatFailsThreeTimesIsLeftOut() {
        var slots = CommandSlots(count: 2)
        fail(&slots, 1, at: .zero)
        #expect(slots.free(at: .seconds(2)) == [2, 1] && slots.lastWords(of: 1) == "no route to host (status 255)")
        fail(&slots, 1, at: .seconds(2))
        fail(&slots, 1, at: .seconds(4))
        #expect(slots.free(at: .seconds(6)) == [2])
        #expect(slots.reasonOfRest(at: .seconds(6)) == "worker 1 failed 3 times: no route to host (status 255)")
        #expect(slots.free(at: .seconds(606)) == [1, 2] && slots.reasonOfRest(at: .seconds(606)) == nil)
    }

    @Test func afterALongRunAFailureCountsAnew() {
        var slots = CommandSlots(count: 1)
        fail(&slots, 1, at: .zero)
        fail(&slots, 1, at: .seconds(2))
        fail(&slots, 1, at: .seconds(4), after: .seconds(60))
        fail(&slots, 1, at: .seconds(70))
        fail(&slots, 1, at: .seconds(72))
        #expect(slots.free(at: .seconds(74)) == [1])
    }

    /// What a scheduler was told to start is there until it has joined and left.
    @Test func aCommandThatHandsOverKeepsItsNumber() {
        var slots = CommandSlots(count: 1)
        slots.started(1, at: .zero)
        slots.ended(1, status: 0, "job.batch/worker-1 created", at: .seconds(1))
        #expect(slots.found == [SuppliedWorker(name: "1", state: .handedOver)] && slots.free(at: .seconds(2)) == [])
        slots.note(joined: [1])
        slots.note(joined: [])
        #expect(slots.found == [] && slots.free(at: .seconds(9)) == [1])
    }

    @Test func aWorkerThatIsDoneFreesItsNumber() {
        var slots = CommandSlots(count: 1)
        slots.started(1, at: .zero)
        slots.note(joined: [1])
        slots.ended(1, status: 0, "", at: .seconds(90))
        #expect(slots.found == [] && slots.free(at: .seconds(91)) == [])
        slots.note(joined: [])
        #expect(slots.free(at: .seconds(92)) == [1])
    }

    /// A worker of an earlier daemon has its number.
    @Test func numbersThatAreConnectedAreNotFree() {
        var slots = CommandSlots(count: 3)
        slots.note(joined: [2])
        #expect(slots.free(at: .zero) == [1, 3])
    }
}
