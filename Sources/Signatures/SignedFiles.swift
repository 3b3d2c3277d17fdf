/// The files that one signature is of, by their digests: a file and, where it is a model, its external data.
package struct SignedFiles: Hashable, Sendable {
    package struct File: Hashable, Sendable {
        /// The path relative to the folder of the first file.
        package let name: String
        /// The SHA-256, in hexadecimal digits.
        package let digest: String

        package init(name: String, digest: String) {
            self.name = name
            self.digest = digest
        }
    }

    package let file: File
    /// The external data, by name in byte order.
    package let companions: [File]

    package init(_ file: File, companions: [File] = []) {
        self.file = file
        self.companions = companions.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The message that a detached signature is of. It is what `sha256sum < FILE` prints and then `sha256sum NAME` for each file of
    /// external data, so that standard tools can make and check it. Ed25519 needs its whole message at once, which would be a large file
    /// in memory; the digests are those by which the files are numbered. The name of the first file is no part of it, since files are
    /// renamed on their way; those of external data are, since the model names them. Throws for a name that cannot stand on a line.
    package func statement() throws(SignatureError) -> [UInt8] {
        var text = "\(file.digest)  -\n"
        for companion in companions {
            guard !companion.name.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0x5C }) else {
                throw .badSignature("external data whose name has a line break or a backslash cannot be signed")
            }
            text += "\(companion.digest)  \(companion.name)\n"
        }
        return Array(text.utf8)
    }
}
