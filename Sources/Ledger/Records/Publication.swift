package import Arrivals
package import Machine

package enum PublicationState: String, Codable, Sendable, CaseIterable {
    case intended, published, replaced, removed
    /// Another output of the same input stands elsewhere instead, and this one is to be removed.
    case leaving
    /// The input was deleted, and the output is to be removed.
    case orphaned
    /// The output was to be removed, but it stays, since the file there is not what was published any more.
    case left
}

/// Describes a file that is about to appear under its final name.
package struct Intention: Hashable, Sendable {
    package var run: Int64
    /// The output root, with the same spelling for the whole life of the ledger.
    package var root: String
    /// The path relative to `root`.
    package var path: String
    package var digest: String
    package var byteCount: Int64
    /// The machine that made the file, where it is known.
    package var machine: AttemptMachine?

    package init(run: Int64, root: String, path: String, digest: String, byteCount: Int64, machine: AttemptMachine? = nil) {
        self.run = run
        self.root = root
        self.path = path
        self.digest = digest
        self.byteCount = byteCount
        self.machine = machine
    }
}

package enum IntentionOutcome: Hashable, Sendable {
    /// `replaces` is what we published there before for the same input: a file there with another digest is not ours.
    case intended(publication: Int64, replaces: Publication?)
    /// Another input owns that output path; nothing was recorded.
    case owned(by: Publication)
}

package struct Publication: Hashable, Codable, Sendable {
    package var publication: Int64
    package var run: Int64
    package var arrival: Int64
    package var pipeline: String
    /// The path of the input, relative to its spool directory.
    package var inputPath: String
    package var root: String
    package var path: String
    package var digest: String
    package var byteCount: Int64
    package var state: PublicationState
    package var publishedAt: UTCTime?
}

/// Describes an output that is to be removed, with what its manifest line needs.
package struct LeavingOutput: Hashable, Sendable {
    package var publication: Publication
    package var inputDigest: String
    package var revision: String
    package var version: Int?
    package var rowCount: Int64?

    package init(publication: Publication, inputDigest: String, revision: String, version: Int?, rowCount: Int64?) {
        self.publication = publication
        self.inputDigest = inputDigest
        self.revision = revision
        self.version = version
        self.rowCount = rowCount
    }
}

/// Names a folder with outputs of one format.
package struct OutputPlace: Hashable, Sendable {
    package let root: String
    /// The extension of the file names, without the dot.
    package let suffix: String
}
