import Arrivals
import FileSystem
import Foundation
import Ledger
import Logging
import PipelineConfig
import Synchronization
import SystemPackage
import Watcher

/// Finds data files that were deleted from their spool, in pipelines that remove the outputs of deleted inputs. It looks at the files whose
/// removal the watch has heard of and, from time to time, at every known one, for those that went while no daemon ran or no event came. A
/// file counts as deleted when it has been away for `settle.quiet`.
///
/// Deletions count only in the folder that was the spool before. Where that was unmounted or moved away, another folder stands in its
/// place: a file that is missing there was not deleted, and its output stays. That folder becomes the spool once a known file is in it.
/// Files that are missing when `on_input_deleted: remove` is first in force were not deleted either.
final class DeletionWatch: Sendable {
    private struct Heard {
        let pipeline: String
        /// The path of a file, or of a folder for all files in it.
        let path: String
        let due: ContinuousClock.Instant
    }

    private struct State {
        var pipelines: [String: Pipeline] = [:]
        /// The paths in the order in which they come due, except between pipelines with different quiet times.
        var heard = FIFO<Heard>()
        var sweeps: [String: ContinuousClock.Instant] = [:]
        var isStopped = false
    }

    private let ledger: RunLedger
    private let log: Logger
    /// Takes the paths of files that are gone, and the name of their pipeline.
    private let tell: @Sendable ([String], String) -> Void
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    /// The least pause between two looks at all known files. It is longer where needed to keep looking below a twentieth of the time.
    private static let sweepInterval: Duration = .seconds(10)
    private static let pageSize = 1000

    init(ledger: RunLedger, pipelines: [Pipeline], log: Logger, tell: @escaping @Sendable ([String], String) -> Void) {
        self.ledger = ledger
        self.log = log
        self.tell = tell
        use(pipelines)
    }

    /// Takes the pipelines that are in force from now on: at the start, and after an edit.
    func use(_ pipelines: [Pipeline]) {
        for pipeline in pipelines where pipeline.onInputDeleted == .keep { forget(pipeline) }
        let removing = pipelines.filter { $0.onInputDeleted == .remove }
        state.withLock { state in
            state.pipelines = Dictionary(removing.map { ($0.name, $0) }) { $1 }
            state.sweeps = state.pipelines.mapValues { _ in .now }
        }
        wake.signal()
    }

    /// Forgets in which folder deletions counted: should `on_input_deleted: remove` come back, files that are missing then were not deleted
    /// while it was in force.
    private func forget(_ pipeline: Pipeline) {
        do throws(LedgerError) {
            guard try ledger.watchedFolder(of: pipeline.name) != nil else { return }
            try ledger.write { (tx) throws(LedgerError) in try tx.watch(nil, of: pipeline.name) }
        } catch {
            log.warning(
                "the ledger cannot be told that deletions do not count any more",
                metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }

    /// Takes events from the watcher's thread. Data files and folders that went are looked at after `settle.quiet`.
    func hear(_ events: [SpoolEvent]) {
        let isNews = state.withLock { state in
            guard !state.pipelines.isEmpty else { return false }
            var isNews = false
            for case .gone(let place) in events {
                guard place.role == .data, let pipeline = state.pipelines[place.pipeline] else { continue }
                state.heard.append(Heard(pipeline: pipeline.name, path: place.path, due: .now + pipeline.settle.quiet))
                isNews = true
            }
            return isNews
        }
        if isNews { wake.signal() }
    }

    /// Looks at what is due, until `stop`. A thread of its own calls it.
    func run() {
        while !state.withLock(\.isStopped) {
            lookAtHeard(upTo: .now)
            for (name, due) in state.withLock(\.sweeps) where due <= .now && !state.withLock(\.isStopped) {
                guard let pipeline = state.withLock({ $0.pipelines[name] }) else { continue }
                let start = ContinuousClock.now
                sweep(pipeline) { gone in
                    state.withLock { state in
                        for path in gone { state.heard.append(Heard(pipeline: name, path: path, due: .now + pipeline.settle.quiet)) }
                    }
                }
                let next = ContinuousClock.now + max(Self.sweepInterval, (ContinuousClock.now - start) * 20)
                state.withLock { if $0.sweeps[name] == due { $0.sweeps[name] = next } }
            }
            let next = state.withLock { ([$0.heard.first?.due] + Array($0.sweeps.values)).compactMap { $0 }.min() }
            let pause = next.map { max($0 - .now, .milliseconds(10)) } ?? .seconds(3600)
            _ = wake.wait(timeout: .now() + pause.seconds)
        }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// Looks at every known file now, which is done with `--once`.
    func lookOnce() {
        for (name, pipeline) in state.withLock(\.pipelines) { sweep(pipeline) { tell($0, name) } }
    }

    // MARK: Looking

    private func lookAtHeard(upTo time: ContinuousClock.Instant) {
        let due = state.withLock { state in
            var due: [Heard] = []
            while let first = state.heard.first, first.due <= time {
                due.append(first)
                state.heard.removeFirst()
            }
            return due
        }
        for (name, heard) in Dictionary(grouping: due, by: \.pipeline) {
            guard let pipeline = state.withLock({ $0.pipelines[name] }) else { continue }
            attempt(pipeline) { () throws(LedgerError) in
                guard let look = open(pipeline), try isWatched(look, pipeline) else { return }
                var gone: [String] = []
                for heard in heard {
                    gone += try ledger.standingInputs(of: name, at: heard.path).filter { look.lacks($0.path, device: $0.device) }.map(
                        \.path)
                }
                for start in stride(from: 0, to: gone.count, by: Self.pageSize) {
                    tell(Array(gone[start..<min(start + Self.pageSize, gone.count)]), name)
                }
            }
        }
    }

    /// Looks at every known file of a pipeline, and gives those that are gone to `found`, a page at a time. Where the spool is another
    /// folder than before, it records instead that what is missing was not deleted.
    private func sweep(_ pipeline: Pipeline, found: ([String]) -> Void) {
        attempt(pipeline) { () throws(LedgerError) in
            guard let look = open(pipeline) else { return }
            if try isWatched(look, pipeline) {
                try eachPage(of: pipeline, look) { (gone) throws(LedgerError) in found(gone) }
                return
            }
            let isFirst = try ledger.watchedFolder(of: pipeline.name) == nil
            if !isFirst, try !isInUse(look, pipeline) { return }
            var overlooked = 0
            try eachPage(of: pipeline, look) { (gone) throws(LedgerError) in
                overlooked += gone.count
                try ledger.write { (tx) throws(LedgerError) in try tx.overlook(gone, of: pipeline.name) }
            }
            let folder = pipeline.dataFolder(look)
            try ledger.write { (tx) throws(LedgerError) in try tx.watch(folder, of: pipeline.name) }
            guard overlooked > 0 else { return }
            log.warning(
                isFirst
                    ? "files were gone before deletions counted: their outputs stay"
                    : "the spool is another folder than before: the outputs of files that are not in it stay",
                metadata: ["pipeline.name": "\(pipeline.name)", "spool": "\(folder.path)", "count": .number(overlooked)])
        }
    }

    /// Returns whether a known file is in the folder, or no file is known.
    private func isInUse(_ look: borrowing SpoolLook, _ pipeline: Pipeline) throws(LedgerError) -> Bool {
        var last = ""
        while true {
            let page = try ledger.standingInputs(of: pipeline.name, after: last, limit: Self.pageSize)
            for input in page where look.has(input.path) { return true }
            guard let end = page.last else { return last.isEmpty }
            last = end.path
        }
    }

    /// Goes through all known files of a pipeline, up to a thousand at a time.
    /// - Parameter body: takes the paths of those that are gone; it is not called where none are.
    private func eachPage(
        of pipeline: Pipeline, _ look: borrowing SpoolLook, _ body: ([String]) throws(LedgerError) -> Void
    ) throws(LedgerError) {
        var last = ""
        while !state.withLock(\.isStopped) {
            let page = try ledger.standingInputs(of: pipeline.name, after: last, limit: Self.pageSize)
            guard let end = page.last else { return }
            last = end.path
            let gone = page.filter { look.lacks($0.path, device: $0.device) }.map(\.path)
            if !gone.isEmpty { try body(gone) }
        }
    }

    /// Returns nil where the spool cannot be looked into, which the watch reports.
    private func open(_ pipeline: Pipeline) -> SpoolLook? { try? SpoolLook(FilePath(pipeline.spoolPath(of: .data))) }

    private func isWatched(_ look: borrowing SpoolLook, _ pipeline: Pipeline) throws(LedgerError) -> Bool {
        try ledger.watchedFolder(of: pipeline.name) == pipeline.dataFolder(look)
    }

    private func attempt(_ pipeline: Pipeline, _ body: () throws(LedgerError) -> Void) {
        do throws(LedgerError) { try body() } catch {
            log.warning("deleted inputs cannot be looked for", metadata: ["pipeline.name": "\(pipeline.name)", "reason": "\(error)"])
        }
    }
}

extension Pipeline {
    /// Returns the data spool as it is now, with its device and inode, so that another folder in its place is recognized.
    func dataFolder(_ look: borrowing SpoolLook) -> WatchedFolder {
        WatchedFolder(path: spoolPath(of: .data), device: look.device, inode: look.inode)
    }
}
