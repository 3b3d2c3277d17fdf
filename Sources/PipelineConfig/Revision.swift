/// The digest of what a pipeline does to bytes. Two files with one revision give the same outputs for the same arrivals and model.
package struct Revision: Sendable, Hashable, Codable, CustomStringConvertible {
    /// SHA-256 in lower-case hexadecimal.
    package let full: String

    package init(full: String) { self.full = full }

    /// Enough to tell revisions of one pipeline apart by eye.
    package var short: String { String(full.prefix(12)) }
    package var description: String { short }
}
