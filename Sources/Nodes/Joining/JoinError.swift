package import FileSystem
package import WorkerProtocol

/// Says why a worker has not joined.
package enum JoinError: Error, Sendable, Hashable {
    /// Nothing is known of a daemon in the folder, the first value; the second says why.
    case noDaemon(String, String)
    /// The token, in the file of the first value, cannot be used.
    case token(String, String)
    /// The other side does not know the token.
    case wrongToken
    /// The daemon has refused the worker, for the reason that it gives.
    case refused(String)
    /// The other side said something else than was expected.
    case unexpected
    /// The other side said nothing for as long as it may.
    case silent
    case connection(FrameError)
    case tls(TLSError)
    /// The daemon does not speak TLS, and the worker was told that it does.
    case notEncrypted
    case files(FileSystemError)
}

extension JoinError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noDaemon(let folder, let why): "\(folder) names no daemon: \(why). Give the folder `workers` in the work folder of the root"
        case .token(let file, let why): "\(file): \(why)"
        case .wrongToken: "the other side does not have the same token: both must use the same file"
        case .refused(let why): "the daemon has refused this worker: \(why)"
        case .unexpected: "the other side is no daemon or worker of this version of millrace"
        case .silent: "the other side does not answer"
        case .connection(let error): "\(error)"
        case .tls(let error): "\(error)"
        case .notEncrypted: "the daemon does not speak TLS, which --tls asks for: write executor: { tls: true } in its millrace.yaml"
        case .files(let error): "\(error)"
        }
    }
}
