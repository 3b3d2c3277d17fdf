import FileSystem
import Foundation
import Landing
import Signatures
import SystemPackage

/// Follows the chain of one pipeline's signed lines, from the oldest to the newest, and compares its end with the signed head. A line that
/// was taken away, put elsewhere or put back is found by its number and by the digest of the line before it; so are the newest ones, since
/// the head has the number of the last.
struct ManifestChainWalk {
    private struct Link {
        let sequence: Int64
        let digest: String
    }

    private let pipeline: String
    private let headPath: FilePath
    /// The head as it was before any line was read, since a daemon may add lines and then write another. Nil where it is not there, or is
    /// not to be believed.
    private var head: ManifestHead?
    private var hasHead = false
    private var last: Link?
    /// The digest of the line that has the head's number.
    private var digestAtHead: String?
    private var unchainedCount = 0

    /// - Parameter pipeline: the pipeline's name as it stands in names of files.
    init(of pipeline: String, in manifests: FilePath, _ audit: inout SignatureAudit) {
        self.pipeline = pipeline
        headPath = ManifestHead.path(in: manifests, pipeline: pipeline)
        guard let bytes = try? JSONFile.read(headPath) else { return }
        hasHead = true
        guard let (message, signature) = SignedLine.parts(of: bytes.prefix { $0 != UInt8(ascii: "\n") }),
            audit.isByKey(signature, of: message), let head = try? JSONDecoder().decode(ManifestHead.self, from: Data(message)),
            head.pipeline == pipeline
        else {
            audit.note(headPath, "it is by none of the keys, or it was changed")
            return
        }
        audit.good += 1
        self.head = head
    }

    /// Takes the next line that is signed.
    mutating func take(
        _ line: ManifestLine, _ text: some Sequence<UInt8>, at place: (file: FilePath, line: Int), _ audit: inout SignatureAudit
    ) {
        func note(_ what: String) { audit.note(place.file, "line \(place.line) \(what)") }
        if Manifest.fileName(of: line.pipeline) != pipeline { note("is of another pipeline, \(line.pipeline)") }
        guard let sequence = line.sequence else {
            // Only a root that was signed before lines were chained has such lines, and it has them before all others.
            if last == nil { unchainedCount += 1 } else { note("is in no chain, and those before it are") }
            return
        }
        let digest = FileDigest.of(bytes: text)
        let expected = (last?.sequence ?? 0) + 1
        guard sequence >= expected else {
            return note("is out of its order: it has the number \(sequence) and comes after \(expected - 1)")
        }
        if sequence > expected {
            note("has the number \(sequence): \(Self.numbers(expected, sequence - 1)) before it missing")
        } else if line.previous != last?.digest {
            note("does not go on from the line that stands before it")
        }
        if sequence == head?.sequence { digestAtHead = digest }
        last = Link(sequence: sequence, digest: digest)
    }

    /// Compares the end of the chain with the head.
    func end(_ audit: inout SignatureAudit) {
        let newest = last?.sequence ?? 0
        if unchainedCount > 0 {
            audit.remark(
                headPath.removingLastComponent(),
                "lines of \(pipeline) that are signed and not chained: \(unchainedCount); one of them that was taken away cannot be noticed"
            )
        }
        guard let head else {
            if !hasHead, newest > 0 { audit.note(headPath, "it is missing, so that nothing tells whether the newest lines are there") }
            return
        }
        if head.sequence > newest {
            audit.note(headPath, "\(Self.numbers(newest + 1, head.sequence)) missing at the end of the manifests")
        } else if head.sequence > 0, digestAtHead != head.digest {
            audit.note(headPath, "the line with its number \(head.sequence) is another than the one that it names")
        }
        if head.sequence < newest {
            audit.remark(
                headPath,
                "\(Self.numbers(head.sequence + 1, newest)) newer than it: a daemon is landing, or was killed and will write it when it starts"
            )
        }
        audit.remark(headPath, "the newest signed line of \(pipeline) is number \(head.sequence), \(head.digest?.shortDigest ?? "none")")
    }

    private static func numbers(_ first: Int64, _ last: Int64) -> String {
        first == last ? "line \(first) of the chain is" : "lines \(first) to \(last) of the chain are"
    }
}
