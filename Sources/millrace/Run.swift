import ArgumentParser
import Attempts
import Confinement
import Daemon
import FileSystem
import Foundation
import Landing
import Ledger
import Logging
import PipelineConfig
import Reports
import ServiceLifecycle
import SystemPackage
import Terminal
import UnixSignals
import Watcher
import WorkerProcesses

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch, settle, run and land, until told to stop.",
        discussion: """
            Ends with 0 after SIGTERM or SIGINT; SIGHUP reads the pipeline files again. A file that is put into a folder of pipelines is \
            taken up, and one that is removed goes. With --once the exit status is that of this call: what an earlier one quarantined does \
            not count.
            """)

    enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Argument(help: "Pipeline files, folders of them, or globs. Default: ROOT/pipelines.", completion: .file()) var pipelines: [String] = []
    @OptionGroup var root: RootOption
    @Flag(name: .long, help: "Do what is there, and exit.") var once = false
    @Option(
        name: .long,
        help: "With --once: how long to wait for files to settle, and for a disk that is full and the like, before it ends with 3.")
    var wait = "0s"
    @Option(
        name: [.customLong("workers"), .customLong("jobs")],
        help: "Attempts at once, each in a process. Default: workers of millrace.yaml, or the cores by --threads.")
    var workers: Int?
    @Option(
        name: .long, help: "Engine threads of one attempt; workers x threads is at most the cores. Default: threads of millrace.yaml, or 1."
    )
    var threads: Int?
    @Option(
        name: [.customLong("sessions"), .customLong("session-cache")],
        help: "What workers' sessions may cost in all, by the bytes of their models. Default: sessions of millrace.yaml, or 1GiB.")
    var sessions: String?
    @Option(name: .long, help: "text or json.") var logFormat = LogFormat.text
    @Flag(name: .long, help: "Log each file that is done, too.") var verbose = false
    @Flag(
        name: .long, help: "Neither log nor store what cells of tables hold, which may be personal data: errors then say where it stands.")
    var hideValues = false
    @Option(name: .long, help: "How long running attempts may take to finish after a stop.") var grace = "30s"
    @Flag(
        name: .long,
        help: "Go on in place of another host, which must have ended, with the copy of its ledger in the work folder that both share.")
    var takeOver = false
    @Option(
        name: .long,
        help:
            "With --take-over: for how long the other host must give no sign of life, 15s at least, where it was not stopped. Default: 1m.")
    var silence: String?

    func validate() throws {
        guard threads ?? 1 >= 1, workers ?? 1 >= 0 else {
            throw ValidationError("--threads is at least 1, and --workers is not negative.")
        }
        if let sessions, Quantities.byteCount(sessions) == nil { throw ValidationError("--sessions takes a size such as 512MiB.") }
        guard Quantities.duration(grace) != nil else { throw ValidationError("--grace takes a duration such as 30s.") }
        guard Quantities.duration(wait) != nil else { throw ValidationError("--wait takes a duration such as 30s.") }
        if let silence {
            guard takeOver else { throw ValidationError("--silence goes with --take-over.") }
            guard Quantities.duration(silence).map({ $0 >= .seconds(15) }) == true else {
                throw ValidationError("--silence takes a duration of 15s or more: a daemon gives a sign of life every ten seconds.")
            }
        }
        guard once || wait == "0s" else {
            throw ValidationError("--wait goes with --once: without it the daemon waits as long as it takes.")
        }
    }

    func run() async throws {
        // This comes first, since the library that waits for events takes descriptors below 1024 only. Without it spools are polled, which
        // is logged then.
        try? InotifyEvents.prepare()
        // Files that the daemon does not share on purpose are its own.
        CreationMask.restrict()
        CoreDumps.forbid()
        endAtOnceWhenStopped()
        // A log that nobody reads any more does not end the process.
        signal(SIGPIPE, SIG_IGN)
        let (isJSON, level) = (logFormat == .json, verbose ? Logger.Level.info : .notice)
        LoggingSystem.bootstrap { _ in
            var log = OperatorLog(isJSON: isJSON)
            log.logLevel = level
            return log
        }
        let log = Logger(label: "millrace")
        let files: PipelineFiles
        let patterns = try patterns()
        do throws(PipelineError) {
            files = try PipelineFiles(patterns: patterns, root: root.path)
        } catch {
            // Files that may be readable another time are worth another start, which the service manager does not make after the other
            // status.
            throw fail(error, error.isOfMachine ? ExitStatus.problems : ExitStatus.badConfiguration)
        }
        let (workers, threads) = try parallelism(files.settings)
        var options = PipelineDaemon.Options(
            root: root.path, state: files.settings.state, work: files.settings.work, jobs: workers, threads: threads,
            once: once, grace: Quantities.duration(grace) ?? .seconds(30),
            patience: Quantities.duration(wait) ?? .zero, hidesValues: hideValues)
        // So many that hundreds of workers do not wait for the ledger.
        if files.settings.executor != nil { options.placesElsewhere = 256 }
        guard let program = WorkerProgram.path() else { throw fail(WorkerProgram.missing) }
        let confinement = files.settings.confinement
        try tellConfinement(confinement, log)
        let seat = try seat(options, files, log)
        let contents = SmallContents()
        // With `workers: 0` everything is executed elsewhere.
        let local =
            workers == 0
            ? nil
            : ProcessExecutor(
                program: program, workers: workers,
                sessionBytes: (sessions.flatMap { Quantities.byteCount($0) } ?? files.settings.sessions) / workers,
                prepared: PreparedFolder(work: FilePath(seat.work)).path.string, confinement: confinement, contents: contents,
                in: DelegatedGroup())
        let nodes = files.settings.executor.map { settings in
            NodesSetup(
                settings, files: files, work: files.settings.work, local: local, places: workers, threads: threads, contents: contents,
                log: log)
        }
        defer { nodes?.close() }
        guard let executor: any AttemptExecutor = nodes?.executor ?? local else {
            throw fail("millrace.yaml says `workers: 0` and has no `executor`: nothing would ever be done", ExitStatus.badConfiguration)
        }
        let daemon: PipelineDaemon
        do {
            daemon = try PipelineDaemon(
                options, seat: seat, pipelines: files, executor: executor,
                measuring: { ProcessExecutor(program: program, workers: 1, sessionBytes: .max, confinement: confinement) },
                contents: contents, log: log)
        } catch {
            throw refused(error)
        }
        do { try nodes?.open() } catch {
            throw fail("workers from other machines cannot join: \(error)", ExitStatus.badConfiguration)
        }
        // With --once there may be nothing to do.
        if !once { local?.fill() }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: daemon, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: log))
        let hangup = once ? nil : rereading(daemon)
        try await group.run()
        hangup?.cancel()
        if let failure = daemon.outcome?.failure { throw fail(failure) }
        if once { throw try verdict(daemon) }
    }

    /// Takes the right to work on the root.
    private func seat(_ options: PipelineDaemon.Options, _ files: PipelineFiles, _ log: Logger) throws -> Seat {
        let takeover = takeOver ? Seat.Takeover(silence: silence.flatMap { Quantities.duration($0) } ?? .seconds(60)) : nil
        do { return try Seat(options, files.inForce, takeover: takeover, log: log) } catch { throw refused(error) }
    }

    /// Says why the daemon does not start; the status says whether another start would help.
    private func refused(_ error: any Error) -> ExitCode {
        switch error {
        case let error as MovedState.Left: return fail(error, ExitStatus.badConfiguration)
        case let error as Seat.Refusal: return fail(error, ExitStatus.locked)
        case let error as LedgerError:
            if case .locked = error { return fail(error, ExitStatus.locked) }
            return fail(error)
        case let error as FileSystemError:
            switch error {
            case .claimed, .nested: return fail(error, ExitStatus.locked)
            default: return fail(error)
            }
        default: return fail(String(describing: error))
        }
    }

    /// Makes a stop end the process at once, until the daemon runs and handles stops itself. Nothing has begun that would have to be
    /// finished.
    private func endAtOnceWhenStopped() {
        for number in [SIGTERM, SIGINT] { signal(number) { _ in _exit(0) } }
    }

    /// Says what the kernel lacks to confine workers, and throws where they must be confined.
    private func tellConfinement(_ mode: ConfinementMode, _ log: Logger) throws {
        guard mode != .off else { return log.notice("workers are not confined: millrace.yaml says `confinement: off`") }
        let missing = KernelOffer.here.missing
        if mode == .required, !missing.isEmpty {
            throw fail(
                "millrace.yaml says `confinement: required`, and this kernel lacks \(missing.joined(separator: "; ")). Use another kernel, "
                    + "or write `confinement: auto`.", ExitStatus.badConfiguration)
        }
        for lack in missing { log.notice("workers are not wholly confined: this kernel lacks \(lack)") }
    }

    private func patterns() throws -> [String] {
        if !pipelines.isEmpty { return pipelines }
        let folder = shownPath(root.path + "/pipelines")
        var status = stat()
        guard stat(folder, &status) == 0 || errno != ENOENT && errno != ENOTDIR else {
            throw fail("there is no \(folder). Name pipeline files, or make one with millrace init.", ExitStatus.badConfiguration)
        }
        return [folder]
    }

    /// Reads the pipelines again at SIGHUP, unless the daemon was started with that signal ignored (nohup).
    private func rereading(_ daemon: PipelineDaemon) -> (any DispatchSourceSignal)? {
        let handler = signal(SIGHUP, SIG_IGN)
        if unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { return nil }
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler { daemon.rereadPipelines() }
        source.resume()
        return source
    }

    /// Returns the numbers of workers and of threads. The options of the command line go before `millrace.yaml`.
    private func parallelism(_ settings: RootSettings) throws -> (workers: Int, threads: Int) {
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let threads = threads ?? settings.threads ?? 1
        let workers = workers ?? settings.workers ?? max(cores / threads, 1)
        guard threads * workers <= cores else {
            throw fail(
                "workers \(workers) x threads \(threads) is more than the \(cores) cores of this machine: lower one of them.",
                ExitStatus.badConfiguration)
        }
        return (workers, threads)
    }

    private func verdict(_ daemon: PipelineDaemon) throws -> ExitCode {
        let status = try daemon.status()
        let waiting = status.reduce(0) { $0 + $1.count(.waiting) + $1.count(.running) }
        let unsettled = daemon.outcome?.unsettled ?? []
        for file in unsettled { _ = fail("still settling: \(file)") }
        for pipeline in status {
            for waiting in pipeline.waiting {
                _ = fail("waiting: \(pipeline.pipeline)/\(waiting.path): \(waiting.reason)")
            }
        }
        if daemon.outcome?.problems ?? 0 > 0 { return ExitStatus.problems }
        return waiting > 0 || !unsettled.isEmpty ? ExitStatus.stillWaiting : ExitCode.success
    }
}
