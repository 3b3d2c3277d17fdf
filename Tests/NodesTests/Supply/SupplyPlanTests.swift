import Arrivals
import Testing

@testable import Nodes

/// When workers are asked for: a plan is driven by hand, second by second, with a scheduler that is a few words.
@Suite struct SupplyPlanTests {
    /// A scheduler and its workers, which do what the plan says.
    struct World {
        var plan: SupplyPlan
        var demand = SupplyDemand()
        var now = Duration.zero
        /// The seconds from a start until the worker has joined; nil where it waits in the queue.
        var delay: Int?
        var workers: [String: SuppliedWorker.State] = [:]
        private var born: [String: Duration] = [:]
        var starts: [Int] = [], looks = 0, takenBack = 0, givenUp = 0
        var fault: String?
        private var count = 0
        let attempts: Int

        init(_ workers: ClosedRange<Int>, attempts: Int = 1, delay: Int? = 3) {
            plan = SupplyPlan(workers: workers, attempts: attempts)
            self.delay = delay
            self.attempts = attempts
        }

        mutating func pass(_ seconds: Int, _ change: (inout World) -> Void = { _ in }) {
            for _ in 0..<seconds {
                now += .seconds(1)
                change(&self)
                if let delay {
                    for (name, time) in born where now - time >= .seconds(delay) && workers[name] != nil {
                        workers[name] = .running
                        demand.joined.insert(name)
                    }
                }
                demand.places = demand.joined.count * attempts
                turn()
            }
        }

        private mutating func turn() {
            for _ in 0..<3 {
                let act = plan.next(demand, own: demand.joined, at: now)
                if let fault, act != .nothing { return plan.failed(act == .look ? .looking : .starting, fault, at: now) }
                switch act {
                case .nothing: return
                case .look:
                    looks += 1
                    let lost = plan.looked(workers.map { SuppliedWorker(name: $0.key, state: $0.value) }, at: now)
                    if !lost.isEmpty { plan.failed(.joining, "lost \(lost.count)", at: now) }
                case .start(let number, _):
                    starts.append(number)
                    let names = (1...number).map { "\(count)_\($0)" }
                    count += 1
                    for name in names { (workers[name], born[name]) = (.queued, now) }
                    plan.started(names.map { SuppliedWorker(name: $0, state: .queued) }, at: now)
                case .takeBack(let names):
                    takenBack += names.count
                    for name in names { workers[name] = nil }
                    plan.ended(names)
                case .giveUp(let names):
                    givenUp += names.count
                    for name in names { workers[name] = nil }
                    plan.ended(names)
                }
            }
        }

        mutating func wait(_ waiting: Int, each seconds: Int? = nil, since: Int = 0) {
            demand.waiting = waiting
            demand.unknown = seconds == nil ? waiting : 0
            demand.expected = .seconds(waiting * (seconds ?? 0))
            demand.longestWait = .seconds(since)
        }

        mutating func end(_ name: String) {
            workers[name] = nil
            demand.joined.remove(name)
        }
    }

    // MARK: Growing

    /// Files that come one by one have one worker started, which keeps up with them.
    @Test func aTrickleHasOneStart() {
        var world = World(0...16)
        world.pass(5)
        for _ in 0..<50 {
            // Until the worker is there, files gather.
            world.pass(1) { $0.wait($0.demand.waiting + 1) }
            world.pass(1) { if !$0.demand.joined.isEmpty { $0.wait(0) } }
        }
        #expect(world.starts == [1] && world.looks <= 4)
    }

    /// Where a worker waits in the queue and files gather, no other is asked for each of them.
    @Test func aTrickleBeforeAWorkerIsThereHasOneStart() {
        var world = World(0...16, delay: 20)
        for file in 0..<50 { world.pass(1) { $0.demand.joined.isEmpty ? $0.wait(file + 1, since: file) : $0.wait(0) } }
        #expect(world.starts == [1])
    }

    @Test func aBurstHasOneArray() {
        var world = World(0...16)
        world.pass(1)
        world.wait(200, each: 2)
        world.pass(40) { if !$0.demand.joined.isEmpty { $0.wait($0.demand.waiting / 2, each: 2) } }
        #expect(world.starts == [13] && world.demand.joined.count == 13)
    }

    @Test(arguments: [(400, 10, 16), (40, 10, 13), (3, 1000, 3)])
    func itIsAsManyAsTheWorkIsWorth(_ waiting: Int, _ seconds: Int, _ expected: Int) {
        var world = World(0...16)
        world.wait(waiting, each: seconds)
        world.pass(3)
        #expect(world.starts == [expected])
    }

    /// What each worker has in hand does not count as free.
    @Test func busyWorkersAreNoRoom() {
        var world = World(0...16)
        world.wait(4, each: 100)
        world.pass(5)
        (world.demand.busy, world.demand.places) = (4, 4)
        world.wait(6, each: 100)
        world.pass(20)
        #expect(world.starts == [4, 6])
    }

    @Test func severalAttemptsOfOneWorkerCount() {
        var world = World(0...16, attempts: 4)
        world.wait(12, each: 60)
        world.pass(3)
        #expect(world.starts == [3])
    }

    /// The longer work of unknown length waits, the more workers it is worth.
    @Test func unknownWorkGrowsWithTheTimeThatItWaits() {
        var world = World(0...16)
        world.pass(120) {
            let second = Int($0.now.seconds), joined = $0.demand.joined.count
            $0.demand.busy = joined
            $0.wait(16 - joined, since: second)
        }
        #expect(world.starts.first == 1 && world.starts.reduce(0, +) == 16 && world.starts.count <= 5, "\(world.starts)")
    }

    /// Local workers that are held up by long attempts do not keep a short file waiting for ever.
    @Test func whatHasWaitedLongGetsAWorker() {
        var world = World(0...16, delay: nil)
        world.pass(60) {
            $0.wait(1, each: 0, since: Int($0.now.seconds))
            $0.demand.joined = []
        }
        #expect(world.starts == [1])
        var local = World(0...16)
        for second in 0..<29 {
            local.wait(1, each: 0, since: second)
            #expect(act(&local, places: 2) != .start(1, stays: false))
        }
        local.wait(1, each: 0, since: 30)
        #expect(act(&local, places: 2) == .start(1, stays: false))
    }

    private func act(_ world: inout World, places: Int) -> SupplyPlan.Act {
        world.now += .seconds(1)
        (world.demand.places, world.demand.busy) = (places, places)
        let act = world.plan.next(world.demand, own: [], at: world.now)
        guard act == .look else { return act }
        _ = world.plan.looked([], at: world.now)
        return world.plan.next(world.demand, own: [], at: world.now)
    }

    @Test func thereAreNeverMoreThanTheMost() {
        var world = World(0...5, delay: 50)
        world.pass(300) {
            $0.wait(1000, each: 100, since: Int($0.now.seconds))
            #expect($0.workers.count <= 5)
        }
        #expect(world.starts == [5])
    }

    @Test func nothingIsDoneWhileNothingWaits() {
        var world = World(0...16)
        world.pass(1000)
        #expect(world.starts == [] && world.looks == 1)
    }

    // MARK: The least

    @Test func theLeastAreThereAtAllTimes() {
        var world = World(2...8)
        world.pass(2)
        #expect(world.starts == [2])
        world.pass(10)
        world.end("0_1")
        world.pass(10)
        #expect(world.starts == [2, 1] && world.demand.joined.count == 2)
    }

    @Test func theLeastStayWithoutWork() {
        var plan = SupplyPlan(workers: 2...8, attempts: 1)
        #expect(plan.next(SupplyDemand(), own: [], at: .zero) == .look)
        _ = plan.looked([], at: .zero)
        #expect(plan.next(SupplyDemand(), own: [], at: .zero) == .start(2, stays: true))
    }

    // MARK: Taking back

    @Test func whatWaitsInTheQueueIsTakenBack() {
        var world = World(0...16, delay: nil)
        world.wait(40, each: 10)
        world.pass(5)
        world.wait(0)
        world.pass(9)
        #expect(world.takenBack == 0)
        world.pass(5)
        #expect(world.starts == [13] && world.takenBack == 13 && world.plan.status(at: world.now).queued == 0)
        let looks = world.looks
        world.pass(100)
        #expect(world.takenBack == 13 && world.looks == looks)
    }

    @Test func theLeastAreNotTakenBack() {
        var world = World(2...16, delay: nil)
        world.wait(400, each: 10)
        world.pass(40)
        world.wait(0)
        world.pass(60)
        #expect(world.workers.count == 2)
    }

    // MARK: Faults

    @Test func pausesGrowWhileNothingCanBeStarted() {
        var world = World(0...16)
        world.pass(1)
        world.fault = "sbatch: no such partition"
        world.wait(10)
        var tries = 0, last: Duration?
        world.pass(600) {
            let retry = $0.plan.status(at: $0.now).retry
            if let retry, last.map({ retry > $0 }) ?? true { tries += 1 }
            last = retry
        }
        #expect((7...10).contains(tries), "\(tries)")
        #expect(world.starts == [] && world.plan.status(at: world.now).fault == "sbatch: no such partition")
        world.fault = nil
        world.pass(130)
        #expect(world.starts == [1] && world.plan.status(at: world.now).fault == nil)
    }

    /// Workers that end at once are not started again and again.
    @Test func workersThatEndBeforeTheyJoinAreAFault() {
        var world = World(0...4, delay: nil)
        world.pass(600) {
            $0.wait(100, each: 60)
            $0.workers = [:]
        }
        #expect((4...12).contains(world.starts.count), "\(world.starts)")
        #expect(world.plan.status(at: world.now).fault == "lost 4")
    }

    @Test func aWorkerThatRunsAndDoesNotJoinIsGivenUp() {
        var world = World(0...4, delay: nil)
        world.wait(1)
        world.pass(2)
        for name in world.workers.keys { world.workers[name] = .running }
        world.pass(100)
        #expect(world.givenUp == 0)
        world.pass(60)
        #expect(world.givenUp == 1)
    }

    /// A worker that was connected may end, and no fault is made of that.
    @Test func aWorkerThatJoinedMayEnd() {
        var world = World(0...4)
        world.wait(1)
        world.pass(6)
        world.wait(0)
        world.end("0_1")
        world.pass(20)
        world.wait(1)
        world.pass(6)
        #expect(world.starts == [1, 1] && world.plan.status(at: world.now).fault == nil)
    }

    /// While nothing is told of the queue, nothing is started, since nobody knows how many there are.
    @Test func nothingIsStartedWhileNothingIsSeen() {
        var world = World(0...4)
        world.fault = "squeue: no answer"
        world.wait(10)
        world.pass(30)
        #expect(world.starts == [] && world.plan.status(at: world.now).fault == "squeue: no answer")
        world.fault = nil
        world.pass(60)
        #expect(world.starts == [1] && world.plan.status(at: world.now).fault == nil)
    }

    // MARK: An earlier daemon

    @Test func workersOfAnEarlierDaemonCount() {
        var world = World(0...4, delay: nil)
        world.workers = ["7_1": .queued, "7_2": .queued, "7_3": .running]
        world.wait(100, each: 60)
        world.pass(120)
        #expect(world.starts == [1])
        var idle = World(0...4, delay: nil)
        idle.workers = ["7_1": .queued, "7_2": .running]
        idle.pass(30)
        #expect(idle.takenBack == 1 && idle.workers == ["7_2": .running])
    }
}
