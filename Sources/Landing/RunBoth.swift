import Dispatch

/// Runs two pieces of work that wait for the disk at the same time, and returns when both are done. The first begins at once, and on a busy
/// machine the second only while it waits. What one changes the other does not touch.
func runBoth(_ first: () -> Void, _ second: () -> Void) {
    withoutActuallyEscaping(first) { first in
        withoutActuallyEscaping(second) { second in
            nonisolated(unsafe) let work = [first, second]
            DispatchQueue.concurrentPerform(iterations: 2) { work[$0]() }
        }
    }
}
