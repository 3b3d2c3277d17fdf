import Attempts
import FileSystem
import Foundation
import Glibc
import Machine
import PipelineConfig
import Synchronization
import SystemPackage
import WorkerProtocol

/// Runs a worker program, and holds the connection to it. The process executes one attempt at a time.
///
/// The output of the process goes into a file without a name, whose end is shown when the process ends unexpectedly.
final class WorkerProcess: Sendable {
    let process: pid_t
    let connection: FrameConnection
    private let token: String
    /// The greeting that was received as the process connected; nil where nothing was read yet.
    private let said: WorkerHello?
    private let output: Int32
    /// Opens files for the process; nil for one that opens them itself, over TCP.
    private let outer: OuterPart?
    /// The control group of the process; nil where it has none of its own.
    let group: WorkerGroup?
    private struct State {
        var hello: WorkerHello?
        /// The settings that the process knows.
        var settings = KnownSettings()
        var ending: Ending?
        var restingMemory = 0
        /// The digests of the models that it has executed, the latest last.
        var models: [String] = []
        var lastPipeline: String?
    }
    private let state = Mutex(State())

    /// Tells how a process has ended.
    enum Ending: Sendable, Hashable {
        case status(Int32)
        case signal(Int32)

        /// - Parameter status: the status that `waitpid` gives.
        init(_ status: Int32) { self = status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f) }

        /// Tells whether the process was ended by a signal that it got for what it did itself.
        var isCrash: Bool { if case .signal = self { !isFromOutside } else { false } }

        /// Tells whether it was ended by a signal that a process does not get for what it does itself.
        var isFromOutside: Bool { [.signal(SIGKILL), .signal(SIGTERM), .signal(SIGHUP), .signal(SIGINT)].contains(self) }
    }

    /// The most bytes of what a process printed that are shown.
    private static let shownOutput = 600
    /// The bytes that a process may print before they are thrown away.
    private static let largestOutput = 1 << 20

    /// Starts the worker program. It is told what to do over the connection; it inherits no other open file of the daemon.
    init(_ settings: WorkerSettings) throws(WorkerError) {
        let program = settings.program
        let way: (door: WorkerTransport.Door, files: FrameConnection?, arguments: [String], inherited: [Int32])
        do throws(FrameError) { way = try settings.transport.open() } catch { throw .cannotStart(program, "\(error)") }
        // A process that is confined may read what is in this folder, if it is there when the process starts.
        if let prepared = settings.prepared { _ = try? Disk.makeDirectories(FilePath(prepared)) }
        let output = LinuxCalls.namelessFile("output")
        let token = String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
        var process: pid_t = 0
        let failure = Self.spawn(
            program, ["serve"] + way.arguments + settings.arguments,
            // Unlike arguments, the environment is hidden from other users.
            [WorkerHello.tokenVariable: token], inherited: way.inherited, output: output, &process)
        for socket in way.inherited { Glibc.close(socket) }
        guard failure == 0 else {
            if output >= 0 { Glibc.close(output) }
            throw .cannotStart(program, String(cString: strerror(failure)))
        }
        do throws(FrameError) {
            (connection, said) = try way.door.connection(to: process, token: token)
        } catch {
            Glibc.kill(process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            if output >= 0 { Glibc.close(output) }
            throw .noHello("\(error); \(Ending(status))")
        }
        self.process = process
        self.output = output
        outer = way.files.map {
            OuterPart($0, prepared: settings.prepared.map { PreparedFolder(FilePath($0)) }, meetings: settings.meetings)
        }
        let group = settings.delegated?.makeGroup()
        self.group = group.map { $0.add(process) } ?? false ? group : nil
        self.token = token
        FaultPoint.reach(.workerSpawned)
    }

    deinit {
        kill()
        if output >= 0 { Glibc.close(output) }
    }

    private static func spawn(
        _ program: String, _ arguments: [String], _ added: [String: String], inherited: [Int32], output: Int32, _ process: inout pid_t
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if output >= 0 {
            posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
            posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        }
        // The process inherits these as 3 and 4. They are moved out of the way of these numbers first.
        let moved = inherited.map { fcntl($0, F_DUPFD_CLOEXEC, 16) }
        defer { for socket in moved { Glibc.close(socket) } }
        for (number, socket) in moved.enumerated() { posix_spawn_file_actions_adddup2(&actions, socket, Int32(3 + number)) }
        LinuxCalls.closeDescriptors(from: Int32(3 + moved.count), in: &actions)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The daemon handles and ignores signals in its own way; a worker begins with the defaults.
        var none = sigset_t(), all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let settings = [
            // A crash is told by its signal: the report that Swift would write takes seconds.
            "SWIFT_BACKTRACE": "enable=no",
            // Arrow starts a thread before main otherwise, for a pool of memory that is not used here. It would not be confined.
            "JE_ARROW_MALLOC_CONF": "background_thread:false",
        ]
        let variables = ProcessInfo.processInfo.environment.merging(settings) { $1 }.merging(added) { $1 }
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + environment { free(text) } }
        return posix_spawn(&process, program, &actions, &attributes, &words, &environment)
    }

    /// Waits for the first frame of the process, which shows that it is the one that was started, and works.
    func greet(within patience: Duration) throws(WorkerError) -> WorkerHello {
        if let known = state.withLock({ $0.hello }) { return known }
        let hello: WorkerHello
        if let said { hello = said } else { hello = try heard(within: patience) }
        guard hello.token == token, hello.frames == WorkerHello.currentFrames, hello.build == toolVersion else {
            throw .noHello("it is version \(hello.build) and this is \(toolVersion); start the daemon again")
        }
        let memory = ownMemory
        state.withLock { state in
            state.hello = hello
            state.restingMemory = memory
        }
        return hello
    }

    /// Waits for the first frame, and returns the greeting in it.
    private func heard(within patience: Duration) throws(WorkerError) -> WorkerHello {
        let frame: WorkerFrame?
        do throws(FrameError) { frame = try connection.receive(WorkerFrame.self, within: patience) } catch {
            throw .noHello("\(error); \(kill()); it printed last: \(lastWords)")
        }
        guard case .hello(let hello) = frame else { throw .noHello("it said nothing for \(patience)") }
        return hello
    }

    /// The machine that the process computes on; nil until it has greeted.
    var machine: AttemptMachine? { state.withLock { $0.hello?.machine } }

    /// Ends the process, if it has not ended, and returns how it ended.
    @discardableResult
    func kill() -> Ending {
        Glibc.kill(process, SIGKILL)
        return ending()
    }

    /// Waits until a process that is about to end has ended, and returns how it did.
    func ending() -> Ending {
        state.withLock { state in
            if let known = state.ending { return known }
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            let ending = Ending(status)
            state.ending = ending
            return ending
        }
    }

    /// Tells whether the process still runs.
    var isAlive: Bool {
        state.withLock { state in
            guard state.ending == nil else { return false }
            var status: Int32 = 0
            guard waitpid(process, &status, WNOHANG) == process else { return true }
            state.ending = Ending(status)
            return false
        }
    }

    /// The end of what the process has printed.
    var lastWords: String {
        guard output >= 0 else { return "" }
        let size = outputBytes
        var bytes = [UInt8](repeating: 0, count: min(size, Self.shownOutput))
        let count = pread(output, &bytes, bytes.count, off_t(size - bytes.count))
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Tells whether the process printed last that it got no memory.
    var saidItLacksMemory: Bool { ["bad_alloc", "no memory", "not enough memory"].contains { lastWords.contains($0) } }

    /// Throws away what the process has printed, where that is much.
    func trimOutput() {
        if output >= 0, outputBytes > Self.largestOutput { ftruncate(output, 0) }
    }

    private var outputBytes: Int {
        var status = stat()
        return fstat(output, &status) == 0 ? Int(status.st_size) : 0
    }

    /// The bytes of memory that are the process's own: neither files that are mapped nor what it shares. Zero for one that has ended.
    var ownMemory: Int { ProcessMemory(of: process)?.own ?? 0 }

    /// `ownMemory` when the process was new, or after the last attempt that took long.
    var restingMemory: Int {
        get { state.withLock { $0.restingMemory } }
        set { state.withLock { $0.restingMemory = newValue } }
    }

    // MARK: Attempts

    /// Sends an attempt. One that scores is sent in its short form, after the setting that it has in common with others.
    /// - Parameters:
    ///   - given: the content of the data where it is known already.
    ///   - courier: finds the data to score otherwise.
    ///   - isLast: whether it is sent now, and not together with the next one.
    /// - Returns: whether the process was told that the output follows: `giveOutput` must be called when the attempt was sent.
    func send(
        _ spec: AttemptSpec, _ reference: AttemptReference, given: AttemptData? = nil, _ courier: InputCourier, isLast: Bool = true
    ) throws(FrameError) -> Bool {
        let spec = boundedByKernel(spec)
        FaultPoint.reach(.orderSend)
        defer { FaultPoint.reach(.orderSent) }
        outer?.admit(spec, reference)
        guard case .score(let files) = spec.work, files.parts == nil else {
            let file = data(for: spec, given, courier).file
            try connection.send(
                DaemonFrame.attempt(reference: reference, spec: spec, hasFile: file != nil), with: file.map { [$0] } ?? [])
            return false
        }
        var order = ScoreOrder(reference: reference, setting: try number(of: ScoreSetting(spec, files)), spec, files)
        let (content, file) = data(for: spec, given, courier)
        order.content = content
        order.hasFile = file != nil
        // Nothing is made where the data cannot be had.
        order.outputFollows = outer != nil && (content != nil || file != nil)
        let opened = file.map { [$0] } ?? []
        if isLast {
            try connection.send(DaemonFrame.score(order), with: opened)
        } else {
            try connection.hold(DaemonFrame.score(order), with: opened)
        }
        return order.outputFollows
    }

    /// Makes the output of an attempt that was sent, and sends it to the process.
    func giveOutput(of attempt: AttemptReference) { outer?.giveOutput(of: attempt) }

    /// Lets the process ask for no file any more, since it has executed what it was sent.
    func dismiss() { outer?.dismissAll() }

    /// Returns the data of an attempt as the content or the open file; neither where the worker opens it.
    private func data(for spec: AttemptSpec, _ given: AttemptData?, _ courier: InputCourier) -> (content: [UInt8]?, file: Int32?) {
        if case .content(let content)? = given { return (content, nil) }
        switch spec.data.flatMap({ courier.data(of: $0, isLocal: connection.isLocal) }) {
        case .content(let content): return (content, nil)
        case .file(let file): return (nil, file.rawValue)
        case nil: return (nil, nil)
        }
    }

    /// Returns the number by which the process knows a setting. A new setting is sent with the next frame.
    private func number(of setting: ScoreSetting) throws(FrameError) -> Int {
        let (number, isNew) = state.withLock { $0.settings.number(of: setting) }
        if isNew { try connection.hold(DaemonFrame.setting(number: number, setting: setting)) }
        return number
    }

    /// Returns the attempt as the process gets it: without a limit of memory where its control group keeps that. With a limit, the process
    /// limits its own address space.
    private func boundedByKernel(_ spec: AttemptSpec) -> AttemptSpec {
        guard let limit = spec.limits.memoryBytes, let group, group.bound(restingMemory + limit, mapped: spec.mappedBytes) else {
            return spec
        }
        var bounded = spec
        bounded.limits.memoryBytes = nil
        return bounded
    }

    // MARK: Models

    /// Notes an attempt that the process has executed.
    func note(_ spec: AttemptSpec) {
        let digest = spec.model.digest
        state.withLock { state in
            state.lastPipeline = spec.pipeline
            if state.models.last == digest { return }
            state.models.removeAll { $0 == digest }
            state.models.append(digest)
            if state.models.count > 64 { state.models.removeFirst() }
        }
    }

    /// The pipeline of the attempt that the process has executed last; nil for a new process.
    var lastPipeline: String? { state.withLock { $0.lastPipeline } }

    func hasExecuted(_ digest: String) -> Bool { state.withLock { $0.models.contains(digest) } }
}

extension WorkerProcess.Ending: CustomStringConvertible {
    var description: String {
        switch self {
        case .status(let status): "it ended with status \(status)"
        case .signal(let number): "it ended by signal \(number), \(String(cString: strsignal(number)))"
        }
    }
}

/// Says why there is no worker.
package enum WorkerError: Error, Sendable, Hashable {
    /// The program, the first value, cannot be started; the second says why.
    case cannotStart(String, String)
    /// A process was started and did not become a worker.
    case noHello(String)
}

extension WorkerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotStart(let program, let why): "the worker \(program) cannot be started: \(why)"
        case .noHello(let why): "a worker was started and did not answer: \(why)"
        }
    }
}
