package import Arrivals
package import Machine

package enum PublicationState: String, Codable, Sendable, CaseIterable {
    case intended, published, replaced, removed
    /// Another output of the same input has taken its place elsewhere, and it is to be removed.
    case leaving
    /// Its input was deleted, and it is to be removed.
    case orphaned
    /// It was to be removed, and it stays, since it is not what was published any more.
    case left
}

/// A file that is about to appear under its final name.
package struct Intention: Hashable, Sendable {
    package var run: Int64
    /// The output root, in one spelling for the whole life of the ledger.
    package var root: String
    /// Relative to `root`.
    package var path: String
    package var digest: String
    package var byteCount: Int64
    /// On what it was made, where that is known.
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
    /// Of the input, relative to its spool directory.
    package var inputPath: String
    package var root: String
    package var path: String
    package var digest: String
    package var byteCount: Int64
    package var state: PublicationState
    package var publishedAt: UTCTime?
}

/// An output that is to be removed, with what its manifest line needs.
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

/// A folder with outputs of one format.
package struct OutputPlace: Hashable, Sendable {
    package let root: String
    /// Of names, without the dot.
    package let suffix: String
}
