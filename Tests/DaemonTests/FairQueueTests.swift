import Daemon
import Testing

@Suite struct FairQueueTests {
    /// Takes and does everything, each item taking as many seconds as it says.
    private func order(_ queue: inout FairQueue<(String, Double)>, limit: Int = .max) -> [String] {
        var order: [String] = []
        while order.count < limit, let (item, pipeline) = queue.next() {
            order.append(item.0)
            queue.charge(pipeline, seconds: item.1)
            queue.ended(pipeline)
        }
        return order
    }

    @Test func pipelinesShareTheTimeAndEachGoesOldestFirst() {
        var queue = FairQueue<(String, Double)>(debt: 100)
        for number in 1...3 { queue.put(("a\(number)", 1), of: "a") }
        for number in 1...3 { queue.put(("b\(number)", 1), of: "b") }
        let turns = order(&queue)
        #expect(turns == ["a1", "b1", "a2", "b2", "a3", "b3"])
        for number in 1...8 { queue.put(("a\(number)", 1), of: "a") }
        for number in 1...3 { queue.put(("b\(number)", 4), of: "b") }
        let shared = order(&queue)
        #expect(shared.filter { $0.hasPrefix("a") } == (1...8).map { "a\($0)" })
        // Four of one second are as much as one of four.
        #expect(
            shared.prefix(6).filter { $0.hasPrefix("a") }.count == 4 || shared.prefix(6).filter { $0.hasPrefix("b") }.count == 2,
            "\(shared)")
    }

    @Test func workOfAnIdlePipelineComesNext() {
        var queue = FairQueue<(String, Double)>(debt: 0.05)
        for number in 1...1000 { queue.put(("slow\(number)", 1), of: "slow") }
        _ = order(&queue, limit: 40)
        queue.put(("fast", 0.001), of: "fast")
        let next = order(&queue, limit: 1)
        #expect(next == ["fast"])
    }

    /// A pipeline that had the workers for long, while nobody else wanted them, has no debt for that.
    @Test func pastUseIsForgotten() throws {
        var queue = FairQueue<(String, Double)>(debt: 0.05)
        queue.put(("long", 100), of: "a")
        queue.put(("next", 0.01), of: "a")
        let taken = queue.next()
        let (item, pipeline) = try #require(taken)
        for number in 1...1000 { queue.put(("b\(number)", 0.01), of: "b") }
        queue.charge(pipeline, seconds: item.1)
        queue.ended(pipeline)
        let all = order(&queue)
        let place = try #require(all.firstIndex(of: "next"))
        #expect(place <= 6, "\(place)")
    }

    /// A pipeline that was idle comes next, and then has no claim on the time that others took while it had nothing to do.
    @Test func idleTimeIsNoCredit() {
        var queue = FairQueue<(String, Double)>(debt: 0.05)
        for number in 1...100 { queue.put(("slow\(number)", 1), of: "slow") }
        for number in 1...100 { queue.put(("other\(number)", 1), of: "other") }
        _ = order(&queue, limit: 80)
        for number in 1...100 { queue.put(("late\(number)", 1), of: "late") }
        let next = order(&queue, limit: 30)
        for name in ["slow", "other", "late"] { #expect((9...11).contains(next.count { $0.hasPrefix(name) }), "\(next)") }
    }

    @Test func whatWasPausedComesBeforeWhatWasNotBegun() {
        var queue = FairQueue<String>(debt: 1)
        queue.put("a1", of: "a")
        queue.put("a2", of: "a")
        let a = queue.next()?.item
        #expect(a == "a1")
        #expect(!queue.hasBefore("a") { _ in true })
        queue.put("b1", of: "b")
        #expect(queue.hasBefore("a") { _ in true })
        #expect(!queue.hasBefore("a") { $0 != "b1" })
        queue.charge("a", seconds: 0.5)
        queue.putBack("a1", of: "a")
        let b = queue.next()?.item
        #expect(b == "b1")
        queue.charge("b", seconds: 0.7)
        queue.ended("b")
        let rest = [queue.next()?.item, queue.next()?.item]
        #expect(rest == ["a1", "a2"])
        queue.ended("a")
        queue.ended("a")
        #expect(Array(queue.pipelines).isEmpty)
    }
}

@Suite struct WorkLoadTests {
    @Test func longWorkIsHandedOutToFreeWorkersOnly() {
        var load = WorkLoad(workers: 2, slice: 0.05)
        load.free = 2
        load.pauses = 8
        let long = (0..<9).map { _ in load.admit("slow", seconds: nil) }.filter { $0 }.count
        #expect(long == 2)
        load.free = 0
        let admitted1 = load.admit("slow", seconds: 3)
        #expect(!admitted1)
    }

    @Test func smallFilesAreHandedOutInLots() {
        var load = WorkLoad(workers: 2, slice: 0.05)
        load.backlogs["p"] = .init()
        let small = (0..<1000).map { _ in load.admit("p", seconds: 0.001) }.filter { $0 }.count
        #expect(99...100 ~= small)
        let admitted2 = load.admit("p", seconds: 0.001)
        #expect(!admitted2)
        let admitted3 = load.admit("q", seconds: 0.001)
        #expect(admitted3, "each pipeline has a lot of its own")
    }

    /// The ledger opens many files in one transaction, and none for each that a worker has taken.
    @Test func aLotIsFilledUpOnceHalfOfItIsGone() {
        var load = WorkLoad(workers: 2, slice: 0.05)
        func filled(from count: Int) -> Int {
            load.backlogs["p"] = .init()
            for _ in 0..<count { load.backlogs["p"]!.add(0.001, slice: 0.05) }
            var next = load
            return (0..<1000).filter { _ in next.admit("p", seconds: 0.001) }.count
        }
        #expect(filled(from: 60) == 0)
        #expect(50...51 ~= filled(from: 49))
        load.free = 1
        #expect(filled(from: 60) == 1, "a free worker gets work in any case")
    }

    @Test func aBacklogIsEmptyOnceEverythingIsTaken() {
        var backlog = WorkLoad.Backlog()
        let times = [0.1, 0.2, 0.3, nil, 7]
        for time in times { backlog.add(time, slice: 1) }
        #expect(abs(backlog.seconds - 0.6) < 1e-9 && backlog.long == 2)
        for time in times.reversed() { backlog.remove(time, slice: 1) }
        #expect(backlog.seconds == 0 && backlog.long == 0)
    }

    /// Behind work that takes long there is no lot: it would wait in hand for as long as that takes.
    @Test func nothingIsHandedOutBehindLongWork() {
        var load = WorkLoad(workers: 2, slice: 0.05)
        load.backlogs["p"] = .init()
        load.backlogs["p"]!.long = 1
        let admitted = load.admit("p", seconds: 0.001)
        #expect(!admitted)
    }

    @Test func theFirstWorkOfAnotherPipelineIsHandedOutWhereSomethingCanBePausedForIt() {
        var load = WorkLoad(workers: 2, slice: 0.05)
        load.backlogs["slow"] = .init()
        load.pauses = 8
        let admitted4 = load.admit("fast", seconds: nil)
        #expect(admitted4)
        let admitted5 = load.admit("fast", seconds: nil)
        #expect(!admitted5)
        let admitted6 = load.admit("third", seconds: 9)
        #expect(admitted6)
        let admitted7 = load.admit("fourth", seconds: nil)
        #expect(!admitted7, "as many as there are workers")
        load.backlogs = ["slow": .init()]
        load.pauses = 0
        let admitted8 = load.admit("fast", seconds: nil)
        #expect(!admitted8)
    }

    @Test func thePaceSaysRatherTooMuch() {
        var pace = Pace()
        #expect(pace.seconds(for: 10) == nil)
        for _ in 0..<50 { pace.note(bytes: 1000, seconds: 0.001) }
        #expect(abs(pace.seconds(for: 1000)! - 0.001) < 1e-9)
        #expect(abs(pace.seconds(for: 10)! - 0.001) < 1e-9, "a smaller file takes no less than the others took")
        #expect(abs(pace.seconds(for: 1_000_000)! - 1) < 1e-6)
    }
}
