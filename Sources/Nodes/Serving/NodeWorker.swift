package import Attempts
import Foundation
import Glibc
import Synchronization
package import SystemPackage
package import WorkerProcesses
import WorkerProtocol

/// Keeps a worker joined to the daemon of a folder: where the daemon is gone, it is looked for again for a while.
package final class NodeWorker: Sendable {
    package struct Options: Sendable {
        /// The folder `workers` in the work folder of the root.
        package var folder: FilePath
        /// The file of the token; nil for the one in the folder.
        package var token: FilePath?
        /// The number of attempts at once.
        package var places: Int
        /// The time without work after which the worker ends; nil for never.
        package var idle: Duration?
        /// The time that a daemon may be gone.
        package var patience: Duration
        /// Tells whether the processes in which the worker computes are confined.
        package var isConfined: Bool
        /// Tells whether only a daemon that speaks TLS is joined.
        package var requiresTLS: Bool
        /// The name that the worker has where somebody starts it.
        package var name: String?

        package init(
            folder: FilePath, token: FilePath? = nil, places: Int, idle: Duration? = nil, patience: Duration = .seconds(120),
            name: String? = nil, isConfined: Bool = true, requiresTLS: Bool = false
        ) {
            self.folder = folder
            self.token = token
            self.places = places
            self.idle = idle
            self.patience = patience
            self.name = name
            self.isConfined = isConfined
            self.requiresTLS = requiresTLS
        }
    }

    private let options: Options
    private let service: NodeService
    private let tell: @Sendable (String) -> Void
    private let isStopped = Atomic(false)

    /// The pause between two tries to join.
    private static let pause: Duration = .seconds(1)

    /// - Parameters:
    ///   - executor: executes attempts, as many at once as there are places.
    ///   - tell: says what happens.
    ///   - meetings: connects attempts of the executor that train with those that help; nil where it does not.
    package init(
        _ options: Options, executor: any AttemptExecutor, meetings: HelperMeetings? = nil, tell: @escaping @Sendable (String) -> Void
    ) {
        self.options = options
        service = NodeService(executor: executor, places: options.places, idle: options.idle) { run in
            guard let meetings, let connection = Self.connect(options, .trains(run: run)) else { return }
            _ = meetings.come(to: run, over: connection)
        }
        self.tell = tell
        meetings?.connectElsewhere { run in Self.connect(options, .helps(run: run)) }
    }

    /// Serves until there is nothing to do for long, or `stop` is called. Throws where no daemon could be joined.
    package func run() throws(JoinError) {
        var lastSeen = ContinuousClock.now
        while !isStopped.load(ordering: .relaxed) {
            let failure: JoinError
            do throws(JoinError) {
                let (connection, terms, address) = try Self.join(options)
                tell("joined the daemon at \(address)")
                switch service.serve(connection, terms) {
                case .idle: return tell("there was nothing to do for \(options.idle ?? .zero)")
                case .stopped: return
                case .lost(let why):
                    tell("the daemon is gone: \(why)")
                    lastSeen = .now
                    failure = .silent
                }
            } catch {
                failure = error
            }
            // What does not pass is said at once.
            switch failure {
            case .token, .wrongToken, .refused, .notEncrypted: throw failure
            case .noDaemon, .unexpected, .silent, .connection, .tls, .files: break
            }
            guard .now - lastSeen < options.patience else { throw failure }
            usleep(UInt32(Self.pause / .microseconds(1)))
        }
    }

    /// Ends the worker. What it executes is taken back.
    package func stop() {
        isStopped.store(true, ordering: .relaxed)
        service.stop()
    }

    /// Connects one who trains or helps here to the daemon; nil where that is not possible.
    private static func connect(_ options: Options, _ meeting: JoinHello.Meeting) -> FileDescriptor? {
        try? join(options, meeting).0.duplicate()
    }

    private static func join(
        _ options: Options, _ meeting: JoinHello.Meeting? = nil
    ) throws(JoinError) -> (FrameConnection, JoinTerms, address: String) {
        let folder = JoinFolder(options.folder)
        let address = try folder.address()
        let token = try WorkerToken(options.token ?? folder.token)
        let connection = try connect(to: address, options)
        let hello = JoinHello(
            build: toolVersion, host: ProcessInfo.processInfo.hostName, process: getpid(), places: options.places, name: options.name,
            isConfined: options.isConfined, meeting: meeting)
        return (connection, try Joining(token: token).join(connection, as: hello), address.address)
    }

    private static func connect(to address: JoinFolder.Address, _ options: Options) throws(JoinError) -> FrameConnection {
        guard !options.requiresTLS || address.certificate != nil else { throw .notEncrypted }
        let socket: Int32
        do throws(FrameError) { socket = try FrameConnection.socket(to: address.address) } catch { throw .connection(error) }
        guard let digest = address.certificate else { return FrameConnection(socket) }
        let session: SecureSession
        do throws(TLSError) { session = try SecureSession(connecting: socket, to: digest) } catch {
            throw .tls(error)
        }
        do throws(FrameError) { return try SecureTunnel.open(session) } catch { throw .connection(error) }
    }
}
