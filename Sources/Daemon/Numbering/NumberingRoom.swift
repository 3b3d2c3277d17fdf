import Synchronization

/// Counts the files that the watcher has told of and that have no number yet. While there are many, the watcher holds back files that a
/// scan found, since it keeps them in a tenth of the memory.
package final class NumberingRoom: Sendable {
    private struct State {
        /// The number of lists of files that nobody has looked at.
        var lists = 0
        /// The number of files by pipeline: one whose files cannot be numbered yet holds up no other.
        var files: [String: Int] = [:]
    }

    private static let mostLists = 8
    private static let mostFiles = 4096

    private let state = Mutex(State())

    package init() {}

    func isFree(for pipeline: String) -> Bool {
        state.withLock { $0.lists < Self.mostLists && $0.files[pipeline] ?? 0 < Self.mostFiles }
    }

    func heard() { state.withLock { $0.lists += 1 } }
    func taken() { state.withLock { $0.lists -= 1 } }
    func begun(in pipeline: String) { state.withLock { $0.files[pipeline, default: 0] += 1 } }

    func ended(in pipeline: String) {
        state.withLock { state in
            let left = (state.files[pipeline] ?? 1) - 1
            state.files[pipeline] = left == 0 ? nil : left
        }
    }
}
