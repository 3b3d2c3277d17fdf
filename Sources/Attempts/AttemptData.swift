import Synchronization
package import SystemPackage

/// The data of an attempt, where the executor need not open it by its name.
package enum AttemptData: Sendable {
    /// All bytes of the file.
    case content([UInt8])
    /// The open file, which stays the caller's.
    case file(FileDescriptor)
}

/// The contents of small files that were read for their digests, by digest, until they are scored: so that they are read once.
package final class SmallContents: Sendable {
    private struct State {
        var contents: [String: (bytes: [UInt8], kept: ContinuousClock.Instant)] = [:]
        var byteCount = 0
    }

    /// A larger file is not kept, in bytes.
    package static let largest: Int64 = 64 << 10
    /// Content that was kept for that long may never be asked for: it makes room for others.
    private static let patience: Duration = .seconds(60)

    private let byteLimit: Int
    private let state = Mutex(State())

    /// - Parameter byteLimit: of all contents together. What does not fit is read again.
    package init(byteLimit: Int = 4 << 20) { self.byteLimit = byteLimit }

    package func keep(_ bytes: [UInt8], digest: String, now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            guard bytes.count <= Self.largest, state.contents[digest] == nil else { return }
            if state.byteCount + bytes.count > byteLimit {
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

    /// Returns the content and forgets it.
    package func take(_ digest: String) -> [UInt8]? {
        state.withLock { state in
            guard let content = state.contents.removeValue(forKey: digest) else { return nil }
            state.byteCount -= content.bytes.count
            return content.bytes
        }
    }
}
