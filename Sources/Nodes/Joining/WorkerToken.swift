import Crypto
import FileSystem
import Foundation
import Glibc
package import SystemPackage

/// Holds the secret by which a daemon and its workers recognize each other. Neither sends it: each shows that it has it, by a code over the
/// numbers that both have just drawn (HMAC with SHA-256, RFC 2104), so that what somebody has overheard is of no use later.
package struct WorkerToken: Sendable {
    /// Tells whose proof it is, so that one side's proof never serves as the other's.
    enum Side: String { case daemon, worker }

    private let key: SymmetricKey
    /// The fewest characters of a token.
    private static let leastCharacters = 32

    /// Reads the token from a file, which nobody but its owner may read.
    package init(_ file: FilePath) throws(JoinError) {
        let descriptor: FileDescriptor
        do throws(FileSystemError) { descriptor = try Disk.open(file, .readOnly, .noFollow, doing: "read") } catch { throw .files(error) }
        defer { Disk.close(descriptor) }
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= 4096 else {
            throw .token(file.string, "it is no file of a token")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .token(file.string, "others than its owner may read or write it; say: chmod 600 \(file)")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = read(descriptor.rawValue, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.utf8.count >= Self.leastCharacters else {
            throw .token(file.string, "it holds fewer than \(Self.leastCharacters) characters; remove it, and the daemon makes another one")
        }
        key = SymmetricKey(data: Array(text.utf8))
    }

    /// Makes the file of a token, where there is none.
    package static func make(_ file: FilePath) throws(JoinError) {
        let text = nonce() + nonce() + "\n"
        do throws(FileSystemError) {
            if try Disk.status(file) != nil { return }
            _ = try Disk.makeDirectories(file.removingLastComponent())
            let staged = FilePath(file.string + ".new")
            try JSONFile.replace(file, with: Array(text.utf8), staged: staged, FileAccess(mode: 0o600))
        } catch {
            throw .files(error)
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    /// Returns the proof of one side.
    /// - Parameter transcript: what both sides have said so far, which so is not changed on the way either.
    func proof(of side: Side, over transcript: [String]) -> String {
        HMAC<SHA256>.authenticationCode(for: Self.message(side, transcript), using: key).map { Self.hexadecimal($0) }.joined()
    }

    /// Returns whether a proof is that of the side. It takes the same time whatever the proof is.
    func isProof(_ proof: String, of side: Side, over transcript: [String]) -> Bool {
        guard let code = [UInt8](hexadecimal: proof) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Self.message(side, transcript), using: key)
    }

    /// Each text goes in with its length, so that no two transcripts are one message.
    private static func message(_ side: Side, _ transcript: [String]) -> [UInt8] {
        ([side.rawValue] + transcript).flatMap { Array("\($0.utf8.count):".utf8) + Array($0.utf8) }
    }

    /// Draws a number that nobody can foresee, as text.
    package static func nonce() -> String { (0..<16).map { _ in hexadecimal(UInt8.random(in: .min ... .max)) }.joined() }
}

extension [UInt8] {
    /// Reads bytes that are written as pairs of hexadecimal digits; nil for anything else.
    fileprivate init?(hexadecimal text: String) {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0]! << 4 | digits[$0 + 1]!) }
    }
}
