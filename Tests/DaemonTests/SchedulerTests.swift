import Daemon
import TestSupport
import Testing

@Suite struct SchedulerTests {
    private func scheduler(_ pipelines: String...) -> Scheduler {
        let scheduler = Scheduler()
        for pipeline in pipelines { scheduler.add(pipeline: pipeline) }
        return scheduler
    }

    @Test func dataWaitsForTheFirstModelWhicheverCameFirst() {
        let s = scheduler("p")
        s.dataArrived(1, in: "p")
        #expect(s.starts(now: .zero, room: 9).isEmpty)
        s.modelArrived(2, in: "p")
        #expect(s.starts(now: .zero, room: 9) == [.init(pipeline: "p", arrival: 2, work: .validateModel)])
        #expect(s.starts(now: .zero, room: 9).isEmpty)
        s.activated(.init(position: 2, version: 1), in: "p")
        s.finished(2, in: "p")
        #expect(s.starts(now: .zero, room: 9) == [.init(pipeline: "p", arrival: 1, work: .score(version: 1))])
    }

    @Test func dataWaitsForEarlierModelsOnly() {
        let s = scheduler("p")
        s.activated(.init(position: 1, version: 1), in: "p")
        s.dataArrived(2, in: "p")
        s.modelArrived(3, in: "p")
        s.dataArrived(4, in: "p")
        #expect(
            Set(s.starts(now: .zero, room: 9)) == [
                .init(pipeline: "p", arrival: 3, work: .validateModel), .init(pipeline: "p", arrival: 2, work: .score(version: 1)),
            ])
        s.finished(3, in: "p")  // rejected: no activation
        #expect(s.starts(now: .zero, room: 9) == [.init(pipeline: "p", arrival: 4, work: .score(version: 1))])
    }

    @Test func inStrictOrderDataWaitsForEarlierLabelsOnly() {
        func started(isStrict: Bool) -> [[Int64]] {
            let s = scheduler("p")
            s.order("p", isStrict: isStrict)
            s.activated(.init(position: 1, version: 1), in: "p")
            s.dataArrived(2, in: "p")
            s.labelsArrived(3, in: "p")
            s.dataArrived(4, in: "p")
            let first = s.starts(now: .zero, room: 9).map(\.arrival)
            s.failed(3, in: "p", retryAt: .seconds(9))
            let waiting = s.starts(now: .zero, room: 9).map(\.arrival)
            s.finished(3, in: "p")
            return [first.sorted(), waiting, s.starts(now: .zero, room: 9).map(\.arrival)]
        }
        #expect(started(isStrict: true) == [[2, 3], [], [4]])
        #expect(started(isStrict: false) == [[2, 3, 4], [], []])
    }

    @Test func theVersionIsTheNewestBeforeTheArrivalEvenWhenANewerOneIsAlreadyThere() {
        let s = scheduler("p")
        s.activated(.init(position: 1, version: 1), in: "p")
        s.activated(.init(position: 5, version: 2), in: "p")
        s.dataArrived(4, in: "p")
        s.dataArrived(6, in: "p")
        #expect(s.starts(now: .zero, room: 9).map(\.work) == [.score(version: 1), .score(version: 2)])
    }

    @Test func goingBackHoldsForWhatArrivesAfterTheCommand() {
        let s = scheduler("p")
        s.activated(.init(position: 1, version: 1), in: "p")
        s.activated(.init(position: 2, version: 2), in: "p")
        s.activated(.init(position: 7, version: 1), in: "p")
        for arrival in [3, 7, 8] as [Int64] { s.dataArrived(arrival, in: "p") }
        #expect(s.starts(now: .zero, room: 9).map(\.work) == [.score(version: 2), .score(version: 2), .score(version: 1)])
        #expect(s.activeVersion(in: "p") == 1)
    }

    @Test func modelsAreDecidedOneAtATimeInOrder() {
        let s = scheduler("p")
        s.modelArrived(2, in: "p")
        s.modelArrived(1, in: "p")
        #expect(s.starts(now: .zero, room: 9).map(\.arrival) == [1])
        s.failed(1, in: "p", retryAt: .seconds(5))
        #expect(s.starts(now: .zero, room: 9).isEmpty)
        #expect(s.nextWake() == .seconds(5))
        #expect(s.starts(now: .seconds(5), room: 9).map(\.arrival) == [1])
        s.finished(1, in: "p")
        #expect(s.starts(now: .seconds(5), room: 9).map(\.arrival) == [2])
    }

    @Test func aRetryDoesNotHoldUpOtherData() {
        let s = scheduler("p")
        s.activated(.init(position: 0, version: 1), in: "p")
        s.dataArrived(1, in: "p")
        s.dataArrived(2, in: "p")
        #expect(s.starts(now: .zero, room: 1).map(\.arrival) == [1])
        s.failed(1, in: "p", retryAt: .seconds(2))
        #expect(s.starts(now: .seconds(1), room: 9).map(\.arrival) == [2])
        #expect(s.starts(now: .seconds(2), room: 9).map(\.arrival) == [1])
    }

    @Test func labelsAreTrainedOnOneAtATimeAndHoldNobodyUp() {
        let s = scheduler("p")
        s.labelsArrived(1, in: "p")
        s.labelsArrived(2, in: "p")
        #expect(s.starts(now: .zero, room: 9).isEmpty)
        s.activated(.init(position: 0, version: 1), in: "p")
        s.dataArrived(3, in: "p")
        #expect(
            Set(s.starts(now: .zero, room: 9)) == [
                .init(pipeline: "p", arrival: 1, work: .fineTune(parent: 1)), .init(pipeline: "p", arrival: 3, work: .score(version: 1)),
            ])
        s.failed(1, in: "p", retryAt: .seconds(5))
        #expect(s.starts(now: .seconds(1), room: 9).isEmpty, "the next labels wait for their turn")
        #expect(s.starts(now: .seconds(5), room: 9) == [.init(pipeline: "p", arrival: 1, work: .fineTune(parent: 1))])
        s.activated(.init(position: s.position(of: 1, parent: 1, in: "p"), version: 2), in: "p")
        s.finished(1, in: "p")
        #expect(s.starts(now: .seconds(5), room: 9) == [.init(pipeline: "p", arrival: 2, work: .fineTune(parent: 2))])
    }

    @Test func labelsWaitForModelsBeforeThemAndNotTheOtherWayRound() {
        let s = scheduler("p")
        s.activated(.init(position: 0, version: 1), in: "p")
        s.modelArrived(1, in: "p")
        s.labelsArrived(2, in: "p")
        s.modelArrived(3, in: "p")
        #expect(s.starts(now: .zero, room: 9) == [.init(pipeline: "p", arrival: 1, work: .validateModel)])
        s.finished(1, in: "p")
        #expect(s.starts(now: .zero, room: 9).map(\.arrival).sorted() == [2, 3])
    }

    /// A version made from labels takes the place of what it was made from, and of nothing that came into force since.
    @Test func whatIsTrainedTakesItsParentsPlace() {
        let s = scheduler("p")
        s.activated(.init(position: 1, version: 1), in: "p")
        #expect(s.position(of: 4, parent: 1, in: "p") == 4)
        s.activated(.init(position: 6, version: 1), in: "p")
        #expect(s.position(of: 4, parent: 1, in: "p") == 6, "going back to the parent came later than the labels")
        s.activated(.init(position: 6, version: 2), in: "p")
        #expect(s.position(of: 4, parent: 1, in: "p") == 4)
        #expect(s.position(of: 9, parent: 1, in: "p") == 5)
    }

    @Test func pipelinesTakeTurns() {
        let s = scheduler("a", "b")
        for pipeline in ["a", "b"] { s.activated(.init(position: 0, version: 1), in: pipeline) }
        for arrival in 1...100 as ClosedRange<Int64> { s.dataArrived(arrival, in: "a") }
        s.dataArrived(101, in: "b")
        #expect(s.starts(now: .zero, room: 2).map(\.pipeline).sorted() == ["a", "b"])
    }

    @Test func pausedPipelinesStartNothing() {
        let s = scheduler("a")
        s.activated(.init(position: 0, version: 1), in: "a")
        s.dataArrived(1, in: "a")
        s.pause("a")
        #expect(s.starts(now: .zero, room: 9).isEmpty)
        s.resume("a")
        #expect(s.starts(now: .zero, room: 9).count == 1)
    }

    /// Whatever the order in which work ends, a data arrival gets the version that the plain reading of P4 gives it.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func randomHistoriesKeepTheOrderPromise(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let s = scheduler("p")
        let isModel = (0..<30).map { _ in Int.random(in: 0..<4, using: &generator) == 0 }
        let passes = (0..<30).map { _ in Bool.random(using: &generator) }
        var running: [Scheduler.Start] = []
        var scored: [Int64: Int] = [:]
        var versions: [Int64: Int] = [:]
        var next = 0
        while next < 30 || !running.isEmpty {
            if next < 30, Bool.random(using: &generator) || running.isEmpty {
                isModel[next] ? s.modelArrived(Int64(next), in: "p") : s.dataArrived(Int64(next), in: "p")
                next += 1
            } else {
                let done = running.remove(at: Int.random(in: 0..<running.count, using: &generator))
                if case .score(let version) = done.work {
                    scored[done.arrival] = version
                } else if passes[Int(done.arrival)] {
                    versions[done.arrival] = versions.count + 1
                    s.activated(.init(position: done.arrival, version: versions[done.arrival]!), in: "p")
                }
                s.finished(done.arrival, in: "p")
            }
            running += s.starts(now: .zero, room: 3 - min(running.count, 3))
        }
        let passing = isModel.indices.filter { isModel[$0] && passes[$0] }
        for data in isModel.indices where !isModel[data] {
            let expected = (passing.last { $0 < data } ?? passing.first).map { versions[Int64($0)]! }
            #expect(scored[Int64(data)] == expected, "arrival \(data)")
        }
    }

    /// While the machine does not work nothing starts, then one thing at a time; other pipelines go on.
    @Test func aHeldPipelineTriesOneThingAtATime() {
        let s = scheduler("p", "q")
        for pipeline in ["p", "q"] { s.activated(.init(position: 0, version: 1), in: pipeline) }
        for arrival in 1...3 as ClosedRange<Int64> { s.dataArrived(arrival, in: "p") }
        s.dataArrived(4, in: "q")
        s.hold("p", until: .seconds(5))
        #expect(s.starts(now: .seconds(4), room: 9).map(\.arrival) == [4])
        #expect(s.nextWake() == .seconds(5))
        #expect(s.nextWake(awaitingMachineUntil: .seconds(4)) == nil)
        #expect(s.starts(now: .seconds(5), room: 9).map(\.arrival) == [1])
        #expect(s.starts(now: .seconds(6), room: 9).isEmpty && s.nextWake() == nil)
        s.failed(1, in: "p", retryAt: .seconds(8))
        s.hold("p", until: .seconds(8))
        #expect(s.starts(now: .seconds(7), room: 9).isEmpty)
        #expect(s.starts(now: .seconds(8), room: 9).map(\.arrival) == [1])
        s.finished(1, in: "p")
        #expect(s.starts(now: .seconds(8), room: 9).map(\.arrival) == [2])
        s.lift("p")
        #expect(s.starts(now: .seconds(8), room: 9).map(\.arrival) == [3])
    }

    /// One file that cannot be read holds up nothing else, and is not waited for beyond the limit.
    @Test func anUnreadableFileWaitsAlone() {
        let s = scheduler("p")
        s.activated(.init(position: 0, version: 1), in: "p")
        for arrival in 1...2 as ClosedRange<Int64> { s.dataArrived(arrival, in: "p") }
        #expect(s.starts(now: .zero, room: 1).map(\.arrival) == [1])
        s.failed(1, in: "p", retryAt: .seconds(9), isUnreadable: true)
        #expect(s.starts(now: .zero, room: 9).map(\.arrival) == [2])
        #expect(s.nextWake() == .seconds(9) && s.nextWake(awaitingMachineUntil: .seconds(8)) == nil)
        #expect(s.starts(now: .seconds(9), room: 9).map(\.arrival) == [1])
    }

    /// Without work there is nothing to wake up for, though the machine is waited for.
    @Test func aHeldPipelineWithoutWorkWakesNobody() {
        let s = scheduler("p")
        s.activated(.init(position: 1, version: 1), in: "p")
        s.hold("p", until: .seconds(5))
        #expect(s.nextWake() == nil)
        s.dataArrived(2, in: "p")
        #expect(s.nextWake() == .seconds(5))
    }

    /// What is refused for want of room holds up nothing that needs other room, and no later data goes first.
    @Test func eachKindOfWorkHasRoomOfItsOwn() {
        let s = scheduler("p", "q")
        for pipeline in ["p", "q"] { s.activated(.init(position: 0, version: 1), in: pipeline) }
        s.dataArrived(1, in: "p")
        s.modelArrived(2, in: "p")
        s.dataArrived(3, in: "q")
        s.dataArrived(4, in: "q")
        let first = s.starts(now: .zero) { $0.work != .validateModel }
        #expect(Set(first.map(\.arrival)) == [1, 3, 4])
        #expect(s.starts(now: .zero) { _ in false }.isEmpty)
        #expect(s.starts(now: .zero, room: 9).map(\.arrival) == [2], "what was refused was not taken")

        s.dataArrived(5, in: "q")
        s.dataArrived(6, in: "q")
        #expect(s.starts(now: .zero) { $0.arrival != 5 }.isEmpty, "6 does not go before 5")
    }

    @Test func aRefusedStartIsNoProbe() {
        let s = scheduler("p")
        s.activated(.init(position: 0, version: 1), in: "p")
        s.dataArrived(1, in: "p")
        s.hold("p", until: .seconds(1))
        #expect(s.starts(now: .seconds(1)) { _ in false }.isEmpty)
        #expect(s.starts(now: .seconds(1), room: 1).map(\.arrival) == [1])
    }
}
