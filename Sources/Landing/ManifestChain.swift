import FileSystem
import Foundation
import Signatures
package import SystemPackage

/// Represents the end of the chain of one pipeline's signed lines, in a small signed file beside the manifests: `head-PIPELINE.json`. Each
/// signed line has a number, which goes on from one file of a pipeline to the next, and the digest of the signed line before it. The head
/// is written after the lines are durable, so that it names none that a power cut may take; after a kill it trails by one round.
package struct ManifestHead: Hashable, Sendable, Codable {
    /// The SHA-256 of the newest signed line without its end; nil where there is none yet.
    package let digest: String?
    package let pipeline: String
    /// The number of that line; 0 where there is none yet.
    package let sequence: Int64

    /// Returns the path of the head of a pipeline, by the name that its manifests have for it.
    package static func path(in directory: FilePath, pipeline: String) -> FilePath { directory.appending("head-\(pipeline).json") }

    /// Returns that name of the pipeline whose head the file is; nil where it is none.
    package static func pipeline(ofFile name: String) -> String? {
        name.hasPrefix("head-") && name.hasSuffix(".json") ? String(name.dropFirst(5).dropLast(5)) : nil
    }
}

/// Continues the chain of one pipeline's signed lines.
struct ManifestChain {
    private let directory: FilePath
    private let pipeline: String
    private let access: FileAccess
    private let signer: SigningKey

    /// - Parameter pipeline: the pipeline's name as it stands in names of files.
    init(_ directory: FilePath, _ pipeline: String, _ access: FileAccess, _ signer: SigningKey) {
        self.directory = directory
        self.pipeline = pipeline
        self.access = access
        self.signer = signer
    }

    private var path: FilePath { ManifestHead.path(in: directory, pipeline: pipeline) }

    /// Returns where the chain goes on. What the head names counts where the manifests end before it: whoever took lines away is found by
    /// the gap, however many come after it. Where there is no head one is written, so that from then on its absence tells something.
    /// - Parameter files: the manifests, oldest first.
    func end(in files: [FilePath]) throws(FileSystemError) -> ManifestHead {
        let listed = try newest(in: files)
        guard let kept = kept() else {
            try write(listed)
            return listed
        }
        return kept.sequence >= listed.sequence ? kept : listed
    }

    /// Writes the head where it is not the newest line, as after a crash.
    func catchUp(with files: [FilePath]) throws(FileSystemError) {
        let end = try end(in: files)
        if kept() != end { try write(end) }
    }

    /// Makes the head durable. It replaces the one before by one rename.
    func write(_ head: ManifestHead) throws(FileSystemError) {
        var text: [UInt8]
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            text = Array(try encoder.encode(head))
            try SignedLine.sign(&text, from: 0, by: signer)
        } catch { throw .badDocument(path, why: "\(error)") }
        text.append(UInt8(ascii: "\n"))
        try JSONFile.replace(path, with: text, staged: directory.appending(".head-\(pipeline).json"), access)
    }

    /// Returns the head as it stands; nil where there is none that can be read. The key may have been another.
    private func kept() -> ManifestHead? {
        guard let head = try? JSONFile.decode(ManifestHead.self, from: path), Self.isNumber(head.sequence) else { return nil }
        return head
    }

    /// Returns the newest line that is in the chain.
    private func newest(in files: [FilePath]) throws(FileSystemError) -> ManifestHead {
        struct Place: Decodable { let sequence: Int64? }
        let decoder = JSONDecoder()
        for file in files.reversed() {
            var tail: Int64 = 1 << 14
            while true {
                let (bytes, isWhole) = try JSONFile.readEnd(of: file, upTo: tail)
                for text in bytes.split(separator: UInt8(ascii: "\n")).dropFirst(isWhole ? 0 : 1).reversed() {
                    guard let sequence = (try? decoder.decode(Place.self, from: Data(text)))?.sequence, Self.isNumber(sequence) else {
                        continue
                    }
                    return ManifestHead(digest: FileDigest.of(bytes: text), pipeline: pipeline, sequence: sequence)
                }
                if isWhole { break }
                tail *= 16
            }
        }
        return ManifestHead(digest: nil, pipeline: pipeline, sequence: 0)
    }

    /// Returns whether one can go on from the number for as long as anybody lives; who may write the files may have put any there.
    private static func isNumber(_ sequence: Int64) -> Bool { (0..<(1 << 53)).contains(sequence) }
}
