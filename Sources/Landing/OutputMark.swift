import FileSystem
import SystemPackage

/// Marks a published file with an extended attribute that says of which input of which pipeline it is the output, and with what content it
/// was published. The ledger and the manifest know that, too; but a file that became visible and is in no manifest yet, as on a disk that
/// has just become full, could not be recognized once the ledger is lost. On a file system without such attributes, files have no mark.
struct OutputMark {
    private static let name = "user.millrace"
    private let input: Substring

    init(pipeline: String, input: String) { self.input = Self.short(FileDigest.of(bytes: "\(pipeline)\0\(input)".utf8)) }

    /// Returns a part of the digest that is short enough for the attribute to take no block of its own.
    private static func short(_ digest: String) -> Substring { digest.prefix(16) }

    func put(on path: FilePath, digest: String) { LinuxCalls.setAttribute(path, Self.name, input + Self.short(digest)) }

    /// Returns whether the file is an output of this input, and still has the content that it was published with.
    func stands(on path: FilePath, digest: String) -> Bool { LinuxCalls.attribute(path, Self.name) == String(input + Self.short(digest)) }
}
