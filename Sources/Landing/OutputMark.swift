import FileSystem
import SystemPackage

/// What a published file says of itself, in an extended attribute: of which input of which pipeline it is the output, and with what content
/// it was published. The ledger and the manifest know that, too; but one that became visible and is in no manifest yet, as on a disk that
/// has just filled, would be nobody's once the ledger is lost. A file system without such attributes does without.
struct OutputMark {
    private static let name = "user.millrace"
    private let input: Substring

    init(pipeline: String, input: String) { self.input = Self.short(FileDigest.of(bytes: "\(pipeline)\0\(input)".utf8)) }

    /// Short enough that the attribute takes no block of its own.
    private static func short(_ digest: String) -> Substring { digest.prefix(16) }

    func put(on path: FilePath, digest: String) { LinuxCalls.setAttribute(path, Self.name, input + Self.short(digest)) }

    /// Whether the file is an output of this input, and still has the content that it was published with.
    func stands(on path: FilePath, digest: String) -> Bool { LinuxCalls.attribute(path, Self.name) == String(input + Self.short(digest)) }
}
