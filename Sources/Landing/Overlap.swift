import Dispatch

/// Two pieces of work that wait for the disk, at the same time, so that the disk can take both in one of its own rounds. Returns when both are
/// done; with one core they follow each other. What the one changes the other does not touch.
enum Overlap {
    static func run(_ first: () -> Void, _ second: () -> Void) {
        withoutActuallyEscaping(first) { first in
            withoutActuallyEscaping(second) { second in
                nonisolated(unsafe) let work = [first, second]
                DispatchQueue.concurrentPerform(iterations: 2) { work[$0]() }
            }
        }
    }
}
