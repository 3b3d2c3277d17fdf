import ArgumentParser
import Attempts
import FileSystem
import Foundation
import Glibc
import PipelineConfig
import Reports
import Runner
import SystemPackage
import Terminal
import WorkerProtocol

/// Executes attempts for a daemon over the connection that it was started with, or that it makes.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Execute attempts over an open connection.", shouldDisplay: false)

    @Option(help: "The descriptor of the connection.") var connection: Int32?
    @Option(help: "The descriptor of the connection over which files are asked for. Left out, they are opened by their names.")
    var files: Int32?
    @Option(help: "The HOST:PORT of a daemon that listens.") var connect: String?
    @Option(help: "What kept sessions may cost, in bytes of their models.") var sessionBytes: Int
    @Option(help: "The folder of large models as the engine maps them. Left out, all models are loaded as they are.") var prepared: String?

    @Option(help: "required, auto or off: whether the kernel takes from this process what computing does not need.")
    var confinement = ConfinementMode.off

    /// The stack of the thread in bytes, which is large because deep graphs are walked by functions that call themselves.
    private static let stackBytes = 16 << 20

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        CoreDumps.forbid()
        // A terminal's Ctrl-C goes to the whole group; the daemon decides what its workers do.
        signal(SIGINT, SIG_IGN)
        // The first frame shows this, so that the daemon knows this process.
        let token = ProcessInfo.processInfo.environment[WorkerHello.tokenVariable] ?? ""
        unsetenv(WorkerHello.tokenVariable)
        // What is read by name once is read now.
        let mounts = Mount.points
        _ = Boot.id
        guard confinement == .off || files != nil else { throw fail("a worker that opens its files itself cannot be confined") }
        try ServeConfinement.begin(confinement, prepared: prepared, sockets: [connection, files].compactMap(\.self))
        let executor = LocalExecutor(sessionBytes: sessionBytes, prepared: prepared.map { PreparedFolder(FilePath($0)) })
        let asking = files.map { FileAsking(FrameConnection($0)) }
        let service = WorkerService(try openedConnection(), executor: executor, asking: asking, mounts: mounts)
        let thread = Thread {
            LinuxCalls.nameThread("attempts")
            do throws(FrameError) { try service.run(token: token) } catch {
                printError("millrace-worker: \(error)")
                _exit(1)
            }
            // Whatever still computes is of no use to anybody.
            _exit(0)
        }
        thread.stackSize = Self.stackBytes
        thread.start()
        while true { pause() }
    }

    private func openedConnection() throws -> FrameConnection {
        switch (connection, connect) {
        case (let descriptor?, nil): return FrameConnection(descriptor)
        case (nil, let address?):
            do throws(FrameError) { return try FrameConnection.connect(to: address) } catch { throw fail("\(address): \(error)") }
        default: throw fail("give --connection or --connect")
        }
    }
}

extension ConfinementMode: ExpressibleByArgument {}
