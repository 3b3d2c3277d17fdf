import Synchronization
package import SystemPackage

/// Holds the data of an attempt, where the executor need not open it by its name.
package enum AttemptData: Sendable {
    /// All bytes of the file.
    case content([UInt8])
    /// The open file, which stays the caller's.
    case file(FileDescriptor)
}

/// Keeps the contents of small files that were read for their digests, by digest, until they are scored, so that they are read only once.
package final class SmallContents: Sendable {
    private struct State {
        var contents: [String: (bytes: [UInt8], kept: ContinuousClock.Instant)] = [:]
        var byteCount = 0
        /// When it was last looked for contents that nobody asks for.
        var swept: ContinuousClock.Instant?
    }

    /// The most bytes of a file that is kept.
    package static let largest: Int64 = 64 << 10
    /// The time after which content makes room for others, since it may never be asked for.
    private static let patience: Duration = .seconds(60)
    /// The time from one search for such contents to the next.
    private static let pause: Duration = .seconds(1)

    private let byteLimit: Int
    private let state = Mutex(State())

    /// - Parameter byteLimit: the most bytes of all contents together. A file that does not fit is read again.
    package init(byteLimit: Int = 4 << 20) { self.byteLimit = byteLimit }

    package func keep(_ bytes: [UInt8], digest: String, now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            guard bytes.count <= Self.largest, state.contents[digest] == nil else { return }
            // While many files wait there is no room for long, and looking at all contents for each of them would cost more than it saves.
            if state.byteCount + bytes.count > byteLimit, state.swept.map({ now - $0 >= Self.pause }) ?? true {
                state.swept = now
                for (digest, content) in state.contents where now - content.kept > Self.patience {
                    state.byteCount -= content.bytes.count
                    state.contents[digest] = nil
                }
            }
            guard state.byteCount + bytes.count <= byteLimit else { return }
            state.contents[digest] = (bytes, now)
            state.byteCount += bytes.count
        }
    }

    /// Returns the content and forgets it; nil where it is not kept.
    package func take(_ digest: String) -> [UInt8]? {
        state.withLock { state in
            guard let content = state.contents.removeValue(forKey: digest) else { return nil }
            state.byteCount -= content.bytes.count
            return content.bytes
        }
    }
}
