/// Describes a file that belongs to a model (external data), by its path relative to the model's directory.
package struct Companion: Hashable, Codable, Sendable {
    package var path: String
    package var digest: String
    package var stamp: FileStamp

    package init(path: String, digest: String, stamp: FileStamp) {
        self.path = path
        self.digest = digest
        self.stamp = stamp
    }
}
