package enum PublicationState: String, Codable, Sendable, CaseIterable {
    case intended, published, replaced, removed
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

    package init(run: Int64, root: String, path: String, digest: String, byteCount: Int64) {
        self.run = run
        self.root = root
        self.path = path
        self.digest = digest
        self.byteCount = byteCount
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
