/// Describes a file that arrived: its place and the content that was read there. The value is made when the file has been read for its
/// digest; the ledger numbers it, the window holds it, the specs of attempts are made from it, and landing archives, deletes or refuses it.
package struct ArrivedFile: Hashable, Sendable {
    package var place: SpoolPlace
    /// The SHA-256, in hexadecimal digits. The digest of a model with companions is over all of them together, see `FileDigest.ofModel`.
    package var digest: String
    /// The stamp that it had while it was read. The stamp of a model with companions is over all of them, see `FileStamp.whole`.
    package var stamp: FileStamp
    package var companions: [Companion]
    /// The relative output path, which two inputs of one pipeline must not share; nil where nothing mirrors the input (models, labels).
    package var outputKey: String?
    /// The way in which the watcher knew that the file was complete: `renamed`, `closed`, `lease` or `quiet`; nil where no watcher reported
    /// it.
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
    /// The path relative to its spool.
    package var path: String { place.path }
}

extension ArrivedFile {
    /// Returns whether both are the same content in the same place, whatever else is known of them.
    package func isSame(as other: ArrivedFile) -> Bool { place == other.place && digest == other.digest && stamp == other.stamp }
}
