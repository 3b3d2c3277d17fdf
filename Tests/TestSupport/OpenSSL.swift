import Foundation

/// OpenSSL's command line, by which keys and signatures are judged that are not its own.
package enum OpenSSL {
    package static let isThere = (try? run(["version"]))?.status == 0

    /// Runs a command in a folder; gives its status and output.
    @discardableResult
    package static func run(_ arguments: [String], in folder: String? = nil) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Makes an Ed25519 key in a folder: NAME, and NAME.pub.
    package static func makeKey(_ name: String, in folder: String) throws {
        try run(["genpkey", "-algorithm", "ed25519", "-out", name], in: folder)
        try run(["pkey", "-in", name, "-pubout", "-out", name + ".pub"], in: folder)
    }

    /// Signs a file with a key, both of the folder.
    package static func sign(_ message: String, by key: String, to signature: String, in folder: String) throws {
        try run(["pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message, "-out", signature], in: folder)
    }

    /// Tells whether the signature of a file is by the public key.
    package static func verifies(_ message: String, _ signature: String, by key: String, in folder: String) throws -> Bool {
        try run(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", message, "-sigfile", signature], in: folder).status == 0
    }
}
