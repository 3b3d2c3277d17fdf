import ArgumentParser
import Foundation
import Reports
import Signatures
import SystemPackage
import Terminal

struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the keys by which files are signed and admitted.", subcommands: [New.self])

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an Ed25519 key: FILE, which only its owner may read, and FILE.pub for all who check.",
            discussion: """
                Both are files as OpenSSL has them: `openssl genpkey -algorithm ed25519 -out FILE` and `openssl pkey -in FILE -pubout` \
                make the same. Nothing that stands is replaced.
                """)

        @Argument(help: "The file of the private key.", completion: .file()) var file: String

        func run() throws {
            let key = SigningKey()
            try reportingErrors {
                try NewFile.write(Array(key.text.utf8), to: file, mode: 0o600)
                try NewFile.write(Array(key.publicKey.text.utf8), to: file + ".pub", mode: 0o644)
            }
            print("\(file) signs; \(file).pub is for all who check. The key is \(key.publicKey.fingerprint).")
        }
    }
}

/// Writes small files that must not replace others, or must appear as a whole.
enum NewFile {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Writes a file where none stands.
    static func write(_ bytes: [UInt8], to path: String, mode: CInterop.Mode) throws(Failure) {
        do {
            let file = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: [.create, .exclusiveCreate, .noFollow],
                permissions: FilePermissions(rawValue: mode))
            defer { try? file.close() }
            // Whatever the creation mask is, this is the mode.
            fchmod(file.rawValue, mode_t(mode))
            try file.writeAll(bytes)
            fsync(file.rawValue)
        } catch {
            throw Failure(description: (error as? Errno) == .fileExists ? "\(path) stands already" : "\(path) cannot be written: \(error)")
        }
    }

    /// Writes a file under another name and gives it its own then, so that nobody sees a part of it.
    static func replace(_ path: String, with bytes: [UInt8], mode: CInterop.Mode) throws(Failure) {
        let target = FilePath(path)
        let staged = target.removingLastComponent().appending(".\(target.lastComponent?.string ?? "").\(getpid())")
        unlink(staged.string)
        try write(bytes, to: staged.string, mode: mode)
        guard rename(staged.string, path) == 0 else {
            let code = Errno(rawValue: errno)
            unlink(staged.string)
            throw Failure(description: "\(path) cannot be written: \(code)")
        }
    }
}
