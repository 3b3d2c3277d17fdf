package import Attempts
import FileSystem
import Synchronization
import SystemPackage

/// Has ranges of a file scored that is still being read for its digest. The parts are in a folder of their own until a run takes it over,
/// or until they are thrown away; then the folder goes with the last worker that is at it.
///
/// The dispatcher's thread gives it and decides about it; threads of workers use it meanwhile.
package final class AheadOrder: Sendable {
    private enum Fate {
        case open, taken, discarded
    }

    private struct State {
        var fate = Fate.open
        /// The number of ranges that are being scored.
        var underWay = 0

        var mustBeRemoved: Bool { fate == .discarded && underWay == 0 }
    }

    /// The spec of an attempt that scores one range.
    package let spec: AttemptSpec
    package let cancellation = AttemptCancellation()
    private let folder: String
    private let state = Mutex(State())

    /// - Parameter folder: the path of the folder of the parts, which is this object's to remove.
    init(_ spec: AttemptSpec, folder: String) {
        self.spec = spec
        self.folder = folder
    }

    /// Tells whether more ranges are to be scored.
    var isOpen: Bool { state.withLock { $0.fate == .open } }

    /// Tells whether no range is being scored, and none will be.
    var isOver: Bool { state.withLock { $0.fate != .open && $0.underWay == 0 } }

    // MARK: Workers

    /// Begins a range. Returns false where no more is to be scored.
    func begin() -> Bool {
        state.withLock { state in
            guard state.fate == .open else { return false }
            state.underWay += 1
            return true
        }
    }

    /// Ends a range. Where one fails nothing more is tried: the run scores the file without help, and says what is wrong.
    func end(isFailed: Bool) {
        leave { state in
            state.underWay -= 1
            if isFailed, state.fate == .open { state.fate = .discarded }
        }
    }

    // MARK: The dispatcher

    /// Has `move` give the folder to a run. Ranges that are being scored are finished, into the same folder. Where `move` returns false, or
    /// the parts were thrown away before, they are thrown away.
    /// - Returns: whether the run has the folder.
    func take(_ move: (String) -> Bool) -> Bool {
        let isOpen = state.withLock { state in
            guard state.fate == .open else { return false }
            state.fate = .taken
            return true
        }
        if isOpen, move(folder) { return true }
        discard()
        return false
    }

    /// Throws the parts away.
    func discard() {
        cancellation.cancel()
        leave { $0.fate = .discarded }
    }

    private func leave(_ change: (inout State) -> Void) {
        let mustBeRemoved = state.withLock { state in
            let before = state.mustBeRemoved
            change(&state)
            return state.mustBeRemoved && !before
        }
        // What cannot be removed now goes when a daemon starts.
        if mustBeRemoved { try? Disk.removeTree(FilePath(folder)) }
    }
}
