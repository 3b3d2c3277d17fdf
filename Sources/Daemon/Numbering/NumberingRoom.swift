import Synchronization

/// How many files the watcher has told of that have no number yet. The watcher holds back files that a scan found while there are many,
/// since it keeps them in a tenth of the memory.
package final class NumberingRoom: Sendable {
    private struct State {
        /// Lists of files that nobody has looked at.
        var lists = 0
        /// By pipeline: one whose files cannot be numbered yet holds up no other.
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
