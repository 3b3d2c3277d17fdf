import Foundation
import Recipes
import Synchronization
import Terminal
import Training

/// Shows how far training is on standard error: a terminal gets one line that changes in place, anything else a line for each epoch.
final class ProgressDisplay: Sendable {
    private struct State {
        var lastShown: ContinuousClock.Instant?
        var isOpen = false
    }

    private let state = Mutex(State())
    private let isTerminal = isatty(STDERR_FILENO) == 1

    @Sendable func show(_ progress: TrainingProgress) {
        guard isTerminal else {
            if let line = progress.line { put(line + "\n") }
            return
        }
        state.withLock { state in
            // Nobody reads faster than this.
            if let last = state.lastShown, progress.finished == nil, ContinuousClock.now - last < .milliseconds(100) { return }
            state.lastShown = .now
            state.isOpen = true
            put("\r\u{1B}[2K" + progress.bar(width: width))
        }
    }

    /// Shows a step of work of which a share is done, on a terminal only.
    func show(_ step: String, share: Double) {
        guard isTerminal else { return }
        state.withLock { state in
            state.isOpen = true
            let filled = Int((share * 20).rounded(.down))
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
            put("\r\u{1B}[2K" + String("[\(bar)] \(step)".prefix(width)))
        }
    }

    /// Clears the line that changes in place.
    func end() {
        state.withLock { state in
            if state.isOpen { put("\r\u{1B}[2K") }
            state.isOpen = false
        }
    }

    private var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) - 1 : 79
    }

    private func put(_ text: String) { printError(text, terminator: "") }
}
