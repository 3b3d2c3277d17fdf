import Arrivals
import Dispatch
import FileSystem
import Landing
import Ledger
import Logging
import PipelineConfig
import Synchronization
import SystemPackage

/// Holds the claims on all folders that this daemon works on, so that no other does, whatever its root or its host.
final class FolderClaims: Sendable {
    private struct Key: Hashable {
        let folder: String
        let use: FolderClaim.Use
        var access = FileAccess.standard

        static func == (one: Key, other: Key) -> Bool { one.folder == other.folder && one.use == other.use }

        func hash(into hasher: inout Hasher) {
            hasher.combine(folder)
            hasher.combine(use)
        }
    }

    private struct State {
        var claims: [Key: FolderClaim] = [:]
        /// The tokens of holders that gave no sign of life while one of their folders was waited for.
        var silent: Set<String> = []
        /// The claims that another process has taken; each is logged once.
        var lost: Set<Key> = []
        var isStopped = false
    }

    /// This process.
    let holder: ClaimHolder
    /// The work folder, where it is claimed; nil otherwise.
    private let work: Key?
    private let timing: FolderClaim.Timing
    private let log: Logger
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    /// Claims the folders of `pipelines`. It throws `claimed` where another daemon works on one of them; then no claim is kept.
    /// - Parameter work: the work folder, where other hosts may use it too.
    init(
        root: String, work: FilePath? = nil, pipelines: [Pipeline], timing: FolderClaim.Timing = .init(), log: Logger
    ) throws(FileSystemError) {
        holder = ClaimHolder(root: root, since: UTCTime.now.description)
        self.work = work.map { Key(folder: $0.string, use: .work) }
        self.timing = timing
        self.log = log
        do throws(FileSystemError) { try use(pipelines) } catch {
            release()
            throw error
        }
    }

    deinit { release() }

    /// Claims the folders of `pipelines`, and gives back those that none of them uses any more. Where another daemon has one of them, all
    /// claims stay as they were.
    func use(_ pipelines: [Pipeline]) throws(FileSystemError) {
        let wanted = Set(pipelines.flatMap(Self.keys)).union(work.map { [$0] } ?? [])
        let present = state.withLock(\.claims)
        var made: [Key: FolderClaim] = [:]
        for key in wanted.sorted(by: { ($0.folder, $0.use.rawValue) < ($1.folder, $1.use.rawValue) }) where present[key] == nil {
            do throws(FileSystemError) {
                let claim = try FolderClaim(
                    FilePath(key.folder), key.use, as: holder, timing: timing, access: key.access, silent: state.withLock(\.silent))
                made[key] = claim
                if let silent = claim.silentHolder { state.withLock { _ = $0.silent.insert(silent.token) } }
                if !claim.isHeld { log.info("a folder that cannot be written is not claimed", metadata: ["folder": "\(key.folder)"]) }
            } catch {
                for claim in made.values { claim.release() }
                throw error
            }
        }
        let new = made
        let over = state.withLock { state in
            state.claims.merge(new) { old, _ in old }
            let over = state.claims.filter { !wanted.contains($0.key) }
            for key in over.keys { state.claims[key] = nil }
            return over
        }
        for claim in over.values { claim.release() }
    }

    private static func keys(of pipeline: Pipeline) -> [Key] {
        pipeline.spool.entries.map { Key(folder: $0.path, use: .spool) }
            + [pipeline.land.models?.path, pipeline.land.outputs?.path].compactMap { path in
                path.map { Key(folder: $0, use: .outputs, access: pipeline.land.access.landing) }
            }
    }

    /// Throws `claimed` where another process has taken one of the pipeline's folders over meanwhile, as after this one hung for a long
    /// time.
    func verify(_ pipeline: Pipeline) throws(FileSystemError) {
        for key in Self.keys(of: pipeline) { try state.withLock { $0.claims[key] }?.verify() }
    }

    /// Gives signs of life until `stop`, and then gives all claims back. A thread of its own calls it.
    func run() {
        let pause = DispatchTimeInterval.milliseconds(Int(timing.beat / .milliseconds(1)))
        while !state.withLock(\.isStopped) {
            for (key, claim) in state.withLock(\.claims) { beat(key, claim) }
            _ = wake.wait(timeout: .now() + pause)
        }
        release()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    private func beat(_ key: Key, _ claim: FolderClaim) {
        do throws(FileSystemError) {
            try claim.beat()
            if state.withLock({ $0.lost.remove(key) }) != nil {
                log.notice("the folder is this daemon's again", metadata: ["folder": "\(key.folder)"])
            }
        } catch {
            guard state.withLock({ $0.lost.insert(key).inserted }) else { return }
            log.critical("a folder was taken over by another process", metadata: ["folder": "\(key.folder)", "reason": "\(error)"])
        }
    }

    private func release() {
        let claims = state.withLock { state in
            defer { state.claims = [:] }
            return state.claims
        }
        for claim in claims.values { claim.release() }
    }
}
