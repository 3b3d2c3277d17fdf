import Foundation
import Glibc
import TestSupport

/// An `sshd` of one's own on loopback, with keys of its own, in a folder. The machines `node1` and `node2` are it; at `node3` nobody
/// listens.
final class SSHServer {
    static var isThere: Bool {
        getuid() == 0 && ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen"].allSatisfy(FileManager.default.isExecutableFile)
    }

    /// The configuration of a client.
    let configuration: String
    private let process = Process()
    private let logPath: String

    init(in directory: TemporaryDirectory) throws {
        for key in ["host", "user"] {
            try Self.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", directory(key)])
        }
        let port = try Self.freePort(), other = try Self.freePort()
        logPath = directory("sshd.log")
        // The program wants this folder, whatever its configuration says.
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        let server = try directory.write(
            """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(directory("host"))
            AuthorizedKeysFile \(directory("user.pub"))
            PidFile none
            StrictModes no
            UsePAM no
            PermitRootLogin yes
            PasswordAuthentication no

            """, to: "sshd.conf")
        configuration = try directory.write(
            """
            Host node1 node2
                Port \(port)
            Host node3
                Port \(other)
            Host *
                HostName 127.0.0.1
                User root
                IdentityFile \(directory("user"))
                IdentitiesOnly yes
                BatchMode yes
                StrictHostKeyChecking no
                UserKnownHostsFile \(directory("known_hosts"))
                LogLevel ERROR

            """, to: "ssh.conf")
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/sshd")
        process.arguments = ["-D", "-f", server, "-E", logPath]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        _ = eventually { log.contains("listening on 127.0.0.1") }
    }

    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(descriptor, address, size)
                _ = getsockname(descriptor, address, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
