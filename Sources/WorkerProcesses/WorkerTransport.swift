import Glibc
import WorkerProtocol

/// Says how worker processes are connected with the daemon.
package enum WorkerTransport: Sendable, Hashable {
    /// They are connected by a pair of sockets, of which the process inherits one.
    case local
    /// They are connected by TCP, on a port of this host, such as `127.0.0.1`.
    case tcp(host: String)

    /// Holds the daemon's side of a connection that is not there yet.
    enum Door {
        case end(Int32)
        case listener(FrameListener)
    }

    /// The time that a process may take to connect.
    private static let patience: Duration = .seconds(60)
    /// The time that one that has connected may take to say who it is.
    private static let helloPatience: Duration = .seconds(5)
    /// The largest frame of somebody who has not said who it is, in bytes.
    private static let largestHello = 1 << 18

    /// Prepares a connection.
    /// - Returns: the daemon's side of it, the arguments that tell the worker of it, and the sockets that the worker inherits as descriptors
    ///   3 and 4, which the caller closes. There are none over TCP, where a worker opens files itself.
    func open() throws(FrameError) -> (door: Door, files: FrameConnection?, arguments: [String], inherited: [Int32]) {
        switch self {
        case .local:
            let ends = try FrameConnection.pair()
            do throws(FrameError) {
                let files = try FrameConnection.pair()
                return (.end(ends.own), FrameConnection(files.own), ["--connection", "3", "--files", "4"], [ends.other, files.other])
            } catch {
                for end in [ends.own, ends.other] { Glibc.close(end) }
                throw error
            }
        case .tcp(let host):
            let listener = try FrameListener(on: host + ":0")
            return (.listener(listener), nil, ["--connect", "\(host):\(listener.port)"], [])
        }
    }
}

extension WorkerTransport.Door {
    /// Returns the connection to a process that was started, and the greeting, where it was read already. Others who connect are sent away.
    /// - Parameter token: the text by which the process shows that it is the one.
    func connection(to process: pid_t, token: String) throws(FrameError) -> (FrameConnection, WorkerHello?) {
        switch self {
        case .end(let socket): return (FrameConnection(socket), nil)
        case .listener(let listener):
            let deadline = ContinuousClock.now + WorkerTransport.patience
            while ContinuousClock.now < deadline, !Self.hasEnded(process) {
                guard let connection = try listener.accept(within: .seconds(1)) else { continue }
                connection.setLargestFrame(WorkerTransport.largestHello)
                guard case .hello(let hello) = try? connection.receive(WorkerFrame.self, within: WorkerTransport.helloPatience),
                    hello.token == token
                else { continue }
                connection.setLargestFrame(FrameConnection.largestFrame)
                return (connection, hello)
            }
            throw .closed
        }
    }

    /// Returns whether a child has ended. It must be waited for all the same.
    private static func hasEnded(_ process: pid_t) -> Bool {
        var ending = siginfo_t()
        return waitid(P_PID, id_t(process), &ending, WEXITED | WNOHANG | WNOWAIT) == 0 && ending.si_signo == SIGCHLD
    }
}
