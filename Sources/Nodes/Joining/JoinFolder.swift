package import FileSystem
package import SystemPackage

/// The folder `workers` in the work folder, by which workers find the daemon: where it listens, and the token.
package struct JoinFolder: Sendable {
    /// Says where the daemon of a root listens.
    package struct Address: Codable, Sendable, Hashable {
        /// `HOST:PORT`.
        package var address: String
        package var build: String
        /// The digest of the daemon's certificate (`DaemonCertificate`); nil where no TLS is spoken.
        package var certificate: String?

        package init(address: String, build: String, certificate: String? = nil) {
            self.address = address
            self.build = build
            self.certificate = certificate
        }
    }

    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    /// - Parameter work: the work folder.
    package init(work: FilePath) { path = work.appending("workers") }

    /// The path of the token, unless the settings name another.
    package var token: FilePath { path.appending("token") }
    private var daemon: FilePath { path.appending("daemon.json") }

    /// Makes the folder, which nobody but its owner may look into.
    package func make() throws(FileSystemError) {
        _ = try Disk.makeDirectories(path)
        try Disk.grant(FileAccess(mode: 0o700), folder: path)
    }

    package func write(_ address: Address) throws(FileSystemError) {
        try JSONFile.replace(daemon, with: JSONFile.encode(address, for: daemon), staged: path.appending(".daemon.json"))
    }

    package func address() throws(JoinError) -> Address {
        do throws(FileSystemError) { return try JSONFile.decode(Address.self, from: daemon) } catch {
            throw .noDaemon(path.string, "\(error)")
        }
    }
}
