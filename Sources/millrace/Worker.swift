import ArgumentParser
import Attempts
import Confinement
import FileSystem
import Foundation
import Logging
import Nodes
import PipelineConfig
import Reports
import SystemPackage
import Terminal
import WorkerProcesses

struct Worker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Work for a daemon on another machine.",
        discussion: """
            The daemon's millrace.yaml has an `executor`. Its work folder, spools and outputs must be on a file system that this machine \
            sees under the same paths. Schedulers start such workers by themselves, where the executor names one.
            """)

    @Option(name: .long, help: "The folder `workers` in the work folder of the daemon's root.", completion: .directory) var join: String
    @Option(name: .long, help: "The file of the token. Default: token in that folder.", completion: .file()) var token: String?
    @Option(name: .long, help: "Attempts at once, each in a process. Default: the cores that this process may use.") var workers: Int?
    @Option(name: .long, help: "End after that long without work. Default: never.") var idle: String?
    @Option(name: .long, help: "How long the daemon may be gone.") var patience = "2m"
    @Option(name: .long, help: "The folder for large models as the engine lays them out, on a disk of this machine.") var cache: String?
    @Option(name: .long, help: "What the worker calls itself, where somebody starts workers.") var name: String?
    @Option(name: .long, help: "required, auto or off: as `confinement` of millrace.yaml.") var confinement = ConfinementMode.auto

    @Flag(name: .long, help: "Join only a daemon that speaks TLS.") var tls = false

    func validate() throws {
        guard workers ?? 1 >= 1 else { throw ValidationError("--workers is at least 1.") }
        if let idle, Quantities.duration(idle) == nil { throw ValidationError("--idle takes a duration such as 60s.") }
        guard Quantities.duration(patience) != nil else { throw ValidationError("--patience takes a duration such as 2m.") }
    }

    func run() throws {
        CreationMask.restrict()
        CoreDumps.forbid()
        signal(SIGPIPE, SIG_IGN)
        LoggingSystem.bootstrap { _ in OperatorLog(isJSON: false) }
        let log = Logger(label: "millrace")
        guard let program = WorkerProgram.path() else { throw fail(WorkerProgram.missing) }
        if confinement == .required, !KernelOffer.here.missing.isEmpty {
            throw fail("this kernel lacks \(KernelOffer.here.missing.joined(separator: "; "))", ExitStatus.badConfiguration)
        }
        let places = workers ?? ProcessInfo.processInfo.activeProcessorCount
        let executor = ProcessExecutor(
            program: program, workers: places, sessionBytes: (1 << 30) / places, prepared: try cacheFolder(), confinement: confinement,
            in: DelegatedGroup())
        executor.fill()
        let worker = NodeWorker(
            .init(
                folder: FilePath(join), token: token.map { FilePath($0) }, places: places, idle: idle.flatMap { Quantities.duration($0) },
                patience: Quantities.duration(patience) ?? .seconds(120), name: name,
                isConfined: confinement != .off && KernelOffer.here.missing.isEmpty, requiresTLS: tls), executor: executor
        ) { log.notice("\($0)") }
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { worker.stop() }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        do throws(JoinError) { try worker.run() } catch { throw fail(String(describing: error)) }
    }

    private func cacheFolder() throws -> String {
        if let cache { return cache }
        let folder = FileManager.default.temporaryDirectory.path + "/millrace-models-\(getuid())"
        do { _ = try Disk.makeDirectories(FilePath(folder)) } catch { throw fail("\(error)") }
        // Whoever may write there could put another model in place of one.
        var status = stat()
        guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid(), status.st_mode & 0o022 == 0 else {
            throw fail("\(folder) belongs to somebody else, or others may write in it: name another folder by --cache")
        }
        return folder
    }
}

extension ConfinementMode: ExpressibleByArgument {}
