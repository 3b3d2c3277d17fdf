import Attempts
import Daemon
import FileSystem
import Foundation
import Logging
import Nodes
import PipelineConfig
import Synchronization
import SystemPackage
import WorkerProcesses
import WorkerProtocol

/// What a daemon has whose `millrace.yaml` has an `executor`: the socket for workers from elsewhere, and who starts them.
final class NodesSetup: Sendable {
    let executor: NodeExecutor
    private let settings: ExecutorSettings
    private let files: PipelineFiles
    private let work: String
    private let local: ProcessExecutor?
    private let places: Int
    private let threads: Int
    private let contents: SmallContents
    private let log: Logger
    private let roster = Roster()
    private let trainings = AwayTrainings()
    private let board = DemandBoard()
    private let opened: Opened

    /// Holds what is there once the daemon has its root for itself.
    private final class Opened: Sendable {
        let state = Mutex<(listener: JoinListener?, supplier: Supplier?)>((nil, nil))
    }

    /// Nothing is done before `open`.
    /// - Parameters:
    ///   - local: executes attempts on this machine, `places` at once; nil where none are executed here.
    ///   - threads: the engine threads of one attempt.
    init(
        _ settings: ExecutorSettings, files: PipelineFiles, work: String, local: ProcessExecutor?, places: Int, threads: Int,
        contents: SmallContents, log: Logger
    ) {
        (self.settings, self.files, self.work, self.local, self.places, self.threads) = (settings, files, work, local, places, threads)
        (self.contents, self.log) = (contents, log)
        let opened = Opened()
        self.opened = opened
        executor = NodeExecutor(
            local: local, places: places, roster: roster, board: board, trainings: trainings,
            supply: { opened.state.withLock { $0.supplier }?.status.description }, tell: { log.notice("\($0)") }
        ) { SharedFolder.all(of: $0) }
    }

    /// Lets workers join, and has them started. The daemon must have the lock of its root: workers go to whoever writes its address last.
    func open() throws {
        let folder = JoinFolder(work: FilePath(work)), token = FilePath(settings.token)
        try folder.make()
        try WorkerToken.make(token)
        let gatekeeper = Gatekeeper(
            token: try WorkerToken(token), requiresConfinement: files.settings.confinement == .required
        ) { [files, work] in
            [SharedFolder(folder.path, .ours)] + SharedFolder.all(of: files.inForce, work: FilePath(work))
        }
        let host = settings.listen?.host ?? ProcessInfo.processInfo.hostName
        let certificate = try settings.tls.map { try DaemonCertificate($0) }
        let listener = try JoinListener(
            on: Self.address(host, settings.listen?.port ?? 0), certificate: certificate, gatekeeper: gatekeeper, roster: roster,
            contents: contents, meetings: local?.meetings, trainings: trainings
        ) { [log] in log.notice("\($0)") }
        let address = Self.address(host, listener.port)
        // Where an earlier daemon has left its address, it may have workers, which come back.
        if (try? folder.address()) != nil { executor.waitForWorkersOfBefore() }
        try folder.write(.init(address: address, build: toolVersion, certificate: certificate?.digest))
        listener.start()
        log.notice("workers from other machines can join", metadata: ["address": "\(address)", "folder": "\(folder.path)"])
        let supplier = try Self.supply(settings, folder: folder, threads: threads).map { supply in
            Supplier(supply, say: { [log] in log.notice("\($0)") }) { [board, roster, places] in
                let (demand, entries) = (board.demand, roster.entries)
                return SupplyDemand(
                    waiting: demand.waiting, unknown: demand.unknown, expected: .seconds(demand.seconds),
                    longestWait: .seconds(demand.waited), places: places + roster.places, busy: demand.busy,
                    joined: Set(entries.compactMap(\.name)))
            }
        }
        opened.state.withLock { $0 = (listener, supplier) }
        supplier?.start()
    }

    private static func supply(_ settings: ExecutorSettings, folder: JoinFolder, threads: Int) throws -> (any WorkerSupply)? {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        func command(_ attempts: Int?) -> WorkerCommand {
            WorkerCommand(
                program: program, folder: folder.path.string, idle: settings.idle, attempts: attempts, requiresTLS: settings.tls != nil)
        }
        switch settings.supply {
        case nil: return nil
        case .slurm(let slurm):
            // The root may have the same path on several machines; the work folder is shared, and this root's alone.
            let identity = String(FileDigest.of(bytes: folder.path.string.utf8).prefix(12))
            return SlurmSupply(slurm, worker: command(slurm.attempts(threads: threads)), identity: identity)
        case .command(let settings): return CommandSupply(settings, worker: command(nil))
        }
    }

    private static func address(_ host: String, _ port: UInt16) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Takes back workers that have not begun, and lets the others go.
    func close() {
        let (listener, supplier) = opened.state.withLock { $0 }
        supplier?.stop()
        listener?.close()
        executor.close()
    }
}
