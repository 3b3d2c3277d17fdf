internal import Crypto
internal import Foundation
internal import Recipes

/// Reads and makes the files that hold keys of hashes: 64 hexadecimal digits each.
enum PrivacyKeyFile {
    static let byteCount = 32
    private static let name = "privacy.key"

    /// Returns the path of the key of a root, which is used where a pipeline names no other.
    static func path(state: String) -> String { state + "/" + name }

    /// Returns the key in a file; nil where there is no file.
    static func read(_ path: String) throws(PipelineFile.Unreadable) -> PrivacyKey? {
        var status = stat()
        if stat(path, &status) != 0, errno == ENOENT { return nil }
        let content = String(decoding: try PipelineFile.contents(of: path), as: UTF8.self)
        guard status.st_mode & 0o007 == 0 else {
            throw .init("everybody may read the key in \(path)", remedy: "take that permission away, with chmod 600")
        }
        let digits = Array(content.utf8.drop(while: \.isBlank).reversed().drop(while: \.isBlank).reversed())
        guard digits.count == 2 * byteCount, digits.allSatisfy({ $0.hexadecimalValue != nil }) else {
            throw .init(
                "\(path) holds no key, which is \(2 * byteCount) hexadecimal digits",
                remedy: "make one with: openssl rand -hex \(byteCount)")
        }
        return key(stride(from: 0, to: digits.count, by: 2).map { digits[$0].hexadecimalValue! << 4 | digits[$0 + 1].hexadecimalValue! })
    }

    /// Makes a key of random bytes and writes its file, unless another process has written one by then. Returns the key that the file has.
    static func make(_ path: String) throws(PipelineFile.Unreadable) -> PrivacyKey {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let folder = (path as NSString).deletingLastPathComponent
        let staged = "\(folder)/.\(name)-\(UUID().uuidString)"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .init("\(folder) cannot be made", refused: errno)
        }
        let file = open(staged, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .init("\(path) cannot be written", refused: errno) }
        defer {
            close(file)
            unlink(staged)
        }
        let text = Array((bytes.hexadecimal + "\n").utf8)
        guard write(file, text, text.count) == text.count, fsync(file) == 0 else {
            throw .init("\(path) cannot be written", refused: errno)
        }
        guard link(staged, path) == 0 || errno == EEXIST else { throw .init("\(path) cannot be written", refused: errno) }
        syncFolder(folder)
        guard let made = try read(path) else { throw .init("\(path) is gone again", remedy: "look who removes it") }
        return made
    }

    /// Makes the name of a file durable. An output may depend on the key from now on, which nobody can make again.
    private static func syncFolder(_ folder: String) {
        let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { return }
        fsync(opened)
        close(opened)
    }

    /// Returns the key with its name, which is made by a hash of its own, so that it is the hash of no value.
    private static func key(_ bytes: [UInt8]) -> PrivacyKey {
        let digest = SHA256.hash(data: Data("millrace privacy key\n".utf8) + Data(bytes))
        return PrivacyKey(id: Array(digest.prefix(8)).hexadecimal, bytes: bytes)
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }

    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension [UInt8] {
    fileprivate var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
