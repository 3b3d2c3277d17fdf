import Daemon
import Foundation
import Synchronization
import Testing

@Suite struct BoundedQueueTests {
    @Test func firstInFirstOutAsManyAsAsked() {
        let queue = BoundedQueue<Int>(capacity: 10)
        for number in 0..<5 { queue.put(number) }
        #expect(queue.take() == 0)
        #expect(queue.take(upTo: 3) == [1, 2, 3])
        #expect(queue.take(upTo: 3) == [4])
        #expect(queue.take(timeout: .milliseconds(1)) == nil)
        queue.put(5)
        queue.close()
        #expect(!queue.put(6))
        #expect(queue.take() == 5 && queue.take() == nil)
    }

    /// Full and empty most of the time, with one that takes several, gives up and comes back.
    @Test(arguments: [1, 2, 7])
    func everythingPassesOnceBetweenManyThreads(capacity: Int) async {
        let queue = BoundedQueue<Int>(capacity: capacity)
        let seen = Mutex<[Int]>([])
        let isOver = Mutex(false)
        let putters = (0..<4).map { number in
            NamedThread("putter") { for step in 0..<2000 { queue.put(number * 2000 + step) } }
        }
        let takers = (0..<2).map { _ in
            NamedThread("taker") { while let taken = queue.take() { seen.withLock { $0.append(taken) } } }
        }
        let impatient = NamedThread("impatient") {
            while !isOver.withLock({ $0 }) {
                let taken = queue.take(upTo: 2, timeout: .microseconds(50))
                seen.withLock { $0 += taken }
            }
        }
        for putter in putters { await putter.join() }
        queue.close()
        for taker in takers { await taker.join() }
        isOver.withLock { $0 = true }
        await impatient.join()
        #expect(seen.withLock { $0.sorted() } == Array(0..<8000))
    }

    @Test func closingWakesEveryoneWhoWaits() async {
        let empty = BoundedQueue<Int>(capacity: 1)
        let full = BoundedQueue<Int>(capacity: 1)
        full.put(0)
        let answers = Mutex<[Bool]>([])
        let threads = (0..<3).flatMap { _ in
            [
                NamedThread("taker") { answers.withLock { [answer = empty.take() == nil] in $0.append(answer) } },
                NamedThread("putter") { answers.withLock { [answer = !full.put(1)] in $0.append(answer) } },
            ]
        }
        empty.close()
        full.close()
        for thread in threads { await thread.join() }
        #expect(answers.withLock { $0 } == Array(repeating: true, count: 6))
        #expect(full.take() == 0)
    }
}
