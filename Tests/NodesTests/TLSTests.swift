import Attempts
import FileSystem
import Foundation
import Glibc
import PipelineConfig
import Synchronization
import TestSupport
import Testing
import WorkerProtocol

@testable import Nodes

/// What goes between a daemon and a worker where `tls` says so, as somebody sees it who stands between them, and as OpenSSL's own program does.
@Suite struct TLSTests {
    /// Stands between a worker and a daemon, and keeps what it passes on.
    private final class Between: Sendable {
        let port: UInt16
        private let kept = Mutex<[UInt8]>([])

        init(_ target: UInt16) throws {
            let listener = try FrameListener(on: "127.0.0.1:0")
            port = listener.port
            Thread.detachNewThread { [weak self] in
                while let self, let socket = (try? listener.acceptSocket(within: .seconds(1))) ?? nil {
                    guard let other = try? FrameConnection.socket(to: "127.0.0.1:\(target)") else { return }
                    for (from, to) in [(socket, other), (other, socket)] { self.pass(from, to) }
                }
            }
        }

        private func pass(_ from: Int32, _ to: Int32) {
            Thread.detachNewThread { [self] in
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let count = recv(from, &bytes, bytes.count, 0)
                    guard count > 0 else { break }
                    kept.withLock { $0 += bytes.prefix(count) }
                    guard send(to, bytes, count, Int32(MSG_NOSIGNAL)) == count else { break }
                }
                shutdown(to, Int32(SHUT_RDWR))
                shutdown(from, Int32(SHUT_RDWR))
            }
        }

        func has(_ text: String) -> Bool { kept.withLock { Data($0).range(of: Data(text.utf8)) != nil } }
        var isEmpty: Bool { kept.withLock(\.isEmpty) }
    }

    private func hello() -> JoinHello { JoinHello(build: toolVersion, host: "a-telling-name", process: 1, places: 1) }

    /// Joins through somebody in between. Without TLS that one can read who joins, so that the test would see it.
    @Test(arguments: [true, false]) func whoStandsBetweenReadsNothing(_ isEncrypted: Bool) throws {
        let certificate = isEncrypted ? try DaemonCertificate(.ownCertificate) : nil
        let fixture = try NodeFixture(certificate: certificate)
        let between = try Between(fixture.listener.port)
        let host = ProcessInfo.processInfo.hostName
        try fixture.folder.write(.init(address: "127.0.0.1:\(between.port)", build: toolVersion, certificate: certificate?.digest))
        fixture.join()
        #expect(eventually { fixture.roster.places == 1 }, "\(fixture.words.all)")
        #expect(!between.isEmpty)
        #expect(between.has("\"" + host + "\"") == !isEncrypted)
        fixture.end()
    }

    /// The certificate of somebody else is not spoken with: that one learns nothing of the worker.
    @Test func anotherCertificateIsRefused() throws {
        let fixture = try NodeFixture(certificate: DaemonCertificate(.ownCertificate))
        let other = try DaemonCertificate(.ownCertificate)
        try fixture.folder.write(.init(address: "127.0.0.1:\(fixture.listener.port)", build: toolVersion, certificate: other.digest))
        fixture.join(patience: .zero)
        #expect(
            eventually { fixture.words.all.contains { $0.hasPrefix("worker: ") && $0.contains("another certificate") } },
            "\(fixture.words.all)")
        #expect(fixture.roster.entries == [])
    }

    /// Neither side goes on in the clear where the other one does.
    @Test func nobodyGoesOnInTheClear() throws {
        let secure = try NodeFixture(certificate: DaemonCertificate(.ownCertificate))
        // A worker that knows of no certificate speaks first, and nobody answers.
        let plain = try FrameConnection.connect(to: "127.0.0.1:\(secure.listener.port)")
        #expect(throws: (any Error).self) { try Joining(token: WorkerToken(secure.folder.token)).join(plain, as: self.hello()) }
        #expect(secure.roster.entries == [])
        let open = try NodeFixture()
        open.join(requiresTLS: true)
        #expect(eventually { open.words.all.contains { $0.contains("does not speak TLS") } }, "\(open.words.all)")
        #expect(open.roster.entries == [])
    }

    /// OpenSSL's own program sees the certificate that the address names, and no older version than 1.3.
    @Test(.enabled(if: OpenSSL.isThere, "openssl is not installed")) func anotherProgramAgrees() throws {
        let certificate = try DaemonCertificate(.ownCertificate)
        let fixture = try NodeFixture(certificate: certificate)
        let seen = try OpenSSL.run(["s_client", "-connect", "127.0.0.1:\(fixture.listener.port)", "-showcerts"])
        #expect(seen.output.contains("TLSv1.3"), "\(seen)")
        let pem = fixture.directory("seen.pem")
        try Data(seen.output.utf8).write(to: URL(fileURLWithPath: pem))
        let print = try OpenSSL.run(["x509", "-in", pem, "-noout", "-fingerprint", "-sha256"])
        let digest = print.output.split(separator: "=").last?.replacing(":", with: "").lowercased().prefix(64)
        #expect(digest.map { String($0) } == certificate.digest, "\(print)")
        let old = try OpenSSL.run(["s_client", "-connect", "127.0.0.1:\(fixture.listener.port)", "-tls1_2"])
        #expect(old.status != 0 && old.output.contains("alert protocol version"), "\(old)")
    }

    @Test(.enabled(if: OpenSSL.isThere, "openssl is not installed")) func filesOfACertificateAreRead() throws {
        let directory = try TemporaryDirectory("certificate")
        let (file, key) = (directory("c.pem"), directory("k.pem"))
        let made = try OpenSSL.run(
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", file, "-subj", "/CN=head", "-days", "2"])
        #expect(made.status == 0, "\(made)")
        chmod(key, 0o600)
        let fixture = try NodeFixture(certificate: DaemonCertificate(.files(certificate: file, key: key)))
        fixture.join()
        #expect(eventually { fixture.roster.places == 1 }, "\(fixture.words.all)")
        chmod(key, 0o644)
        #expect { try DaemonCertificate(.files(certificate: file, key: key)) } throws: { "\($0)".contains("chmod 600") }
        chmod(key, 0o600)
        #expect { try DaemonCertificate(.files(certificate: file, key: directory("none"))) } throws: {
            "\($0)".contains("none: No such file")
        }
        #expect { try DaemonCertificate(.files(certificate: key, key: key)) } throws: { "\($0)".contains("read the certificate \(key)") }
        #expect(try OpenSSL.run(["genrsa", "-out", directory("other.pem"), "2048"]).status == 0)
        chmod(directory("other.pem"), 0o600)
        #expect { try DaemonCertificate(.files(certificate: file, key: directory("other.pem"))) } throws: {
            "\($0)".contains("belong to the certificate")
        }
    }

    /// Large frames go in both directions at once, and the end of a connection is seen.
    @Test func largeFramesGoBothWaysAtOnce() throws {
        let certificate = try DaemonCertificate(.ownCertificate)
        let listener = try FrameListener(on: "127.0.0.1:0")
        let socket = try FrameConnection.socket(to: "127.0.0.1:\(listener.port)")
        let accepted = try #require(try listener.acceptSocket(within: .seconds(5)))
        let daemon = Mutex<FrameConnection?>(nil)
        Thread.detachNewThread {
            let session = try? SecureSession(accepting: accepted, certificate, within: .seconds(20))
            daemon.withLock { $0 = session.flatMap { try? SecureTunnel.open($0) } }
        }
        let worker = try SecureTunnel.open(SecureSession(connecting: socket, to: certificate.digest, within: .seconds(20)))
        #expect(eventually { daemon.withLock { $0 != nil } })
        let other = try #require(daemon.withLock { $0 })
        #expect(!worker.isLocal && other.peer == "127.0.0.1")
        let text = String(repeating: "abcdefg", count: 3_000_000)
        for connection in [worker, other] { Thread.detachNewThread { try? connection.send(JoinFrame.refused(text)) } }
        for connection in [worker, other] {
            #expect(try words(connection) == text)
        }
        try worker.send(JoinFrame.refused("the last words"))
        worker.shutDown()
        #expect(try words(other) == "the last words")
        #expect(throws: FrameError.closed) { try other.receive(JoinFrame.self, within: .seconds(20)) }
    }

    private func words(_ connection: FrameConnection) throws -> String? {
        guard case .refused(let why)? = try connection.receive(JoinFrame.self, within: .seconds(60)) else { return nil }
        return why
    }

    /// Somebody who connects and says nothing holds up nobody, and is let go.
    @Test func silenceHoldsUpNobody() throws {
        let fixture = try NodeFixture(certificate: DaemonCertificate(.ownCertificate))
        let silent = try (0..<8).map { _ in try FrameConnection.socket(to: "127.0.0.1:\(fixture.listener.port)") }
        defer { for socket in silent { close(socket) } }
        fixture.join()
        #expect(eventually { fixture.roster.places == 1 }, "\(fixture.words.all)")
    }
}
