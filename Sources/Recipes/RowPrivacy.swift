package import Names

/// Says which columns of tables stand in nothing that is written of them: some are left out, of others a keyed hash takes the place of the
/// values. It is Codable, so that an attempt's spec can carry it.
package struct RowPrivacy: Sendable, Hashable, Codable {
    /// The columns that are left out.
    package var drop: [String]
    /// The columns whose values are hashed.
    package var hash: [String]
    /// The key of the hashes; nil where nothing is hashed, and for a reader that does not find the key.
    package var key: PrivacyKey?

    package init(drop: [String] = [], hash: [String] = [], key: PrivacyKey? = nil) {
        self.drop = drop
        self.hash = hash
        self.key = key
    }

    /// The columns that are left out or hashed. None of them is a feature, unless it is named as one.
    package var columns: NameSet { NameSet(drop + hash) }

    /// Returns the column that `name` most likely is meant to be: it differs only in case, in blanks around it, or in how its characters
    /// are composed. Nil where there is none, and for a column that is named as it is.
    package func columnLike(_ name: String) -> String? {
        if columns.contains(name) { return nil }
        let folded = name.folded
        return (drop + hash).first { $0.folded == folded }
    }
}

extension String {
    /// The text without blanks and marks around it, in lower case. Texts compare equal whose characters are composed in other ways.
    fileprivate var folded: String {
        func isAround(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace || scalar == "\u{FEFF}" || scalar == "\u{200B}" }
        let inner = unicodeScalars.drop(while: isAround).reversed().drop(while: isAround).reversed()
        return String(String.UnicodeScalarView(inner)).lowercased()
    }
}

/// Holds the key of the hashes that stand in the place of values. Nothing prints its bytes: whoever has them can try which value a hash is
/// of.
package struct PrivacyKey: Sendable, Hashable, Codable {
    /// The name of the key, which tells it from others and says nothing of its bytes.
    package let id: String
    package let bytes: [UInt8]

    package init(id: String, bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }
}

extension PrivacyKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "key \(id)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
