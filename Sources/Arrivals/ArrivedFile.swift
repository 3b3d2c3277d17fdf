/// A file that arrived: where it stands and what was read there. The value is made when the file has been read for its digest; the ledger
/// numbers it, the window holds it, the specs of attempts are made from it, and landing archives, deletes or refuses it.
package struct ArrivedFile: Hashable, Sendable {
    package var place: SpoolPlace
    /// SHA-256, in hexadecimal digits. The digest of a model with companions is over all of them together, see `FileDigest.ofModel`.
    package var digest: String
    /// The stamp that it had while it was read. The stamp of a model with companions is over all of them, see `FileStamp.whole`.
    package var stamp: FileStamp
    package var companions: [Companion]
    /// What two inputs of one pipeline must not share: the relative output path. Nil where nothing mirrors the input (models, labels).
    package var outputKey: String?
    /// How the watcher knew that it was complete: `renamed`, `closed`, `lease` or `quiet`. Nil where no watcher told.
    package var settledBy: String?

    package init(
        _ place: SpoolPlace, digest: String, stamp: FileStamp, companions: [Companion] = [], outputKey: String? = nil,
        settledBy: String? = nil
    ) {
        self.place = place
        self.digest = digest
        self.stamp = stamp
        self.companions = companions
        self.outputKey = outputKey
        self.settledBy = settledBy
    }

    package var pipeline: String { place.pipeline }
    package var role: ArrivalRole { place.role }
    /// Relative to its spool.
    package var path: String { place.path }
}

extension ArrivedFile {
    /// Returns whether it is the same content in the same place, whatever more is known of either.
    package func isSame(as other: ArrivedFile) -> Bool { place == other.place && digest == other.digest && stamp == other.stamp }
}
