internal import COpenSSL
import Glibc

/// Is one TLS connection over a socket that does not block. One thread at a time uses it.
final class SecureSession: @unchecked Sendable {
    /// Says what came of reading or writing.
    enum Progress: Equatable {
        case moved(Int)
        /// The socket has nothing, or takes nothing now.
        case waits
        case ended
    }

    /// The time for agreeing with the other side.
    static let greeting: Duration = .seconds(20)

    let socket: Int32
    private let session: OpaquePointer

    /// Returns a context for TLS 1.3.
    static func context(_ method: OpaquePointer?) throws(TLSError) -> OpaquePointer {
        guard let context = SSL_CTX_new(method) else { throw .ofLibrary("begin") }
        guard millrace_prepare(context) == 1 else {
            SSL_CTX_free(context)
            throw .ofLibrary("speak version 1.3")
        }
        return context
    }

    /// Speaks as the daemon.
    /// - Parameter socket: a connected socket, which this object closes, also where it throws.
    convenience init(accepting socket: Int32, _ certificate: DaemonCertificate, within patience: Duration = greeting) throws(TLSError) {
        try self.init(socket, certificate.context, patience) { SSL_accept($0) }
    }

    /// Speaks as a worker.
    /// - Parameters:
    ///   - socket: a connected socket, which this object closes, also where it throws.
    ///   - digest: the digest of the daemon's certificate. Nothing is sent to anybody who has another one.
    convenience init(connecting socket: Int32, to digest: String, within patience: Duration = greeting) throws(TLSError) {
        let context: OpaquePointer
        do throws(TLSError) { context = try Self.context(TLS_client_method()) } catch {
            Glibc.close(socket)
            throw error
        }
        defer { SSL_CTX_free(context) }
        try self.init(socket, context, patience) { SSL_connect($0) }
        guard let certificate = SSL_get1_peer_certificate(session) else { throw TLSError("the other side has no certificate") }
        defer { X509_free(certificate) }
        guard DaemonCertificate.digest(of: certificate) == digest else {
            throw TLSError("the other side has another certificate than the daemon's address names: it is not the daemon that wrote it")
        }
    }

    private init(
        _ socket: Int32, _ context: OpaquePointer, _ patience: Duration, _ greet: (OpaquePointer) -> Int32
    ) throws(TLSError) {
        guard let session = SSL_new(context) else {
            Glibc.close(socket)
            throw .ofLibrary("begin")
        }
        (self.session, self.socket) = (session, socket)
        // OpenSSL writes to the socket so that one that is closed would raise a signal, which belongs to this thread and those that it makes.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        guard SSL_set_fd(session, socket) == 1, fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) == 0 else {
            throw .ofLibrary("use the connection")
        }
        let deadline = ContinuousClock.now + patience
        while true {
            ERR_clear_error()
            let code = greet(session)
            if code == 1 { return }
            let events: Int16
            switch SSL_get_error(session, code) {
            case SSL_ERROR_WANT_READ: events = Int16(POLLIN)
            case SSL_ERROR_WANT_WRITE: events = Int16(POLLOUT)
            default: throw .ofLibrary("agree with the other side")
            }
            guard ContinuousClock.now < deadline else { throw TLSError("the other side does not speak TLS, or is too slow") }
            var request = pollfd(fd: socket, events: events, revents: 0)
            poll(&request, 1, 200)
        }
    }

    deinit {
        SSL_free(session)
        Glibc.close(socket)
    }

    func read(into bytes: UnsafeMutableRawBufferPointer) -> Progress {
        progress { SSL_read(session, bytes.baseAddress, Int32(clamping: bytes.count)) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Progress {
        progress { SSL_write(session, bytes.baseAddress, Int32(clamping: bytes.count)) }
    }

    private func progress(_ call: () -> Int32) -> Progress {
        ERR_clear_error()
        let count = call()
        if count > 0 { return .moved(Int(count)) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .waits
        default: return .ended
        }
    }

    /// Tells the other side that nothing more is sent.
    func end() {
        ERR_clear_error()
        _ = SSL_shutdown(session)
        Glibc.shutdown(socket, Int32(SHUT_RDWR))
    }
}
