import Attempts
import Daemon
import FileSystem
import Foundation
import Logging
import Nodes
import PipelineConfig
import SystemPackage
import WorkerProcesses
import WorkerProtocol

/// What a daemon has whose `millrace.yaml` has an `executor`: the socket for workers from elsewhere, and who starts them.
struct NodesSetup {
    let executor: NodeExecutor
    private let listener: JoinListener
    private let supplier: Supplier?

    /// - Parameters:
    ///   - local: executes attempts on this machine, `places` at once; nil where none are executed here.
    ///   - threads: the engine threads of one attempt.
    init(
        _ settings: ExecutorSettings, files: PipelineFiles, root: String, work: String, local: ProcessExecutor?, places: Int, threads: Int,
        contents: SmallContents, log: Logger
    ) throws {
        let folder = JoinFolder(work: FilePath(work)), token = FilePath(settings.token)
        try folder.make()
        try WorkerToken.make(token)
        let roster = Roster()
        let gatekeeper = Gatekeeper(token: try WorkerToken(token)) {
            [SharedFolder(folder.path, .ours)] + SharedFolder.all(of: files.inForce, work: FilePath(work))
        }
        let host = settings.listen?.host ?? ProcessInfo.processInfo.hostName
        let listener = try JoinListener(
            on: Self.address(host, settings.listen?.port ?? 0), gatekeeper: gatekeeper, roster: roster, contents: contents
        ) { log.notice("\($0)") }
        self.listener = listener
        let address = Self.address(host, listener.port)
        // Where an earlier daemon has left its address, it may have workers, which come back.
        let hadWorkers = (try? folder.address()) != nil
        try folder.write(.init(address: address, build: toolVersion))
        listener.start()
        log.notice("workers from other machines can join", metadata: ["address": "\(address)", "folder": "\(folder.path)"])
        let board = DemandBoard()
        supplier = try Self.supply(settings, folder: folder, root: root, threads: threads).map { supply in
            Supplier(supply, say: { log.notice("\($0)") }) {
                let (demand, entries) = (board.demand, roster.entries)
                return SupplyDemand(
                    waiting: demand.waiting, unknown: demand.unknown, expected: .seconds(demand.seconds),
                    longestWait: .seconds(demand.waited), places: places + roster.places, busy: demand.busy,
                    joined: Set(entries.compactMap(\.name)))
            }
        }
        supplier?.start()
        executor = NodeExecutor(
            local: local, places: places, roster: roster, hadWorkers: hadWorkers, board: board,
            supply: { [supplier] in supplier?.status.description }
        ) { SharedFolder.all(of: $0) }
    }

    private static func supply(
        _ settings: ExecutorSettings, folder: JoinFolder, root: String, threads: Int
    ) throws -> (any WorkerSupply)? {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        func command(_ attempts: Int?) -> WorkerCommand {
            WorkerCommand(program: program, folder: folder.path.string, idle: settings.idle, attempts: attempts)
        }
        switch settings.supply {
        case nil: return nil
        case .slurm(let slurm):
            let identity = String(FileDigest.of(bytes: root.utf8).prefix(12))
            return SlurmSupply(slurm, worker: command(slurm.attempts(threads: threads)), identity: identity)
        case .command(let settings): return CommandSupply(settings, worker: command(nil))
        }
    }

    private static func address(_ host: String, _ port: UInt16) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Takes back workers that have not begun, and lets the others go.
    func close() {
        supplier?.stop()
        listener.close()
    }
}
