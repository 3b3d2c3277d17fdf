import FileSystem
import Foundation
import Glibc
import Synchronization

/// Runs the programs of a scheduler to their end, none of them longer than a limit: one that waits for a controller which does not answer
/// holds nothing up for ever.
final class ProgramCalls: Sendable {
    private let limit: Duration
    private let stopsAt = Mutex<ContinuousClock.Instant?>(nil)

    init(limit: Duration = .seconds(30)) { self.limit = limit }

    /// Gives the call under way, and each after it, three seconds at most.
    func stop() { stopsAt.withLock { $0 = $0 ?? ContinuousClock.now + .seconds(3) } }

    /// Returns what a program said, which must end with status 0.
    /// - Parameter name: what it is called in messages.
    func run(_ words: [String], _ name: String) throws(SupplyError) -> String {
        let child: SpawnedCommand
        do throws(SpawnedCommand.SpawnError) { child = try SpawnedCommand(words) } catch {
            throw .cannotStart(name, String(cString: strerror(error.code)))
        }
        let begin = ContinuousClock.now
        // A call that is made after `stop` has three seconds too.
        let shortened = stopsAt.withLock { $0 != nil }
        var deadline = begin + (shortened ? .seconds(3) : limit)
        while true {
            if let status = child.status() {
                guard status == 0 else { throw .failed(name, status, Self.end(of: child.said())) }
                return child.said(all: true)
            }
            if !shortened, let stop = stopsAt.withLock({ $0 }) { deadline = min(deadline, stop) }
            if ContinuousClock.now >= deadline {
                child.kill()
                throw .tookTooLong(name, ContinuousClock.now - begin, Self.end(of: child.said()))
            }
            usleep(10_000)
        }
    }

    /// Returns the last lines of a text as one, at most 300 bytes of them.
    static func end(of text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return String(lines.suffix(3).joined(separator: "; ").suffix(300))
    }
}
