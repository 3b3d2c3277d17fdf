/// Describes an output from the answer of its attempt on: where it is published, and what it holds.
package struct OutputFile: Hashable, Codable, Sendable {
    /// The output folder, with the same spelling for the whole life of the ledger.
    package var root: String
    /// The path relative to `root`.
    package var path: String
    /// The SHA-256 of the content, in hexadecimal digits.
    package var digest: String
    package var byteCount: Int64

    package init(root: String, path: String, digest: String, byteCount: Int64) {
        self.root = root
        self.path = path
        self.digest = digest
        self.byteCount = byteCount
    }

    /// The absolute path of the file.
    package var absolutePath: String { root + "/" + path }
}
