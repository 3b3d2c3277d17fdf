internal import Glibc

/// Holds the name of something outside this program: a path, a column, a value or a weight of a model. Two names are equal if their bytes
/// are.
///
/// `String` compares characters: it takes `é` as one code point and `é` as two for equal, and finds one under the other's key. For a file
/// system, for Parquet and for ONNX they are two names. So names are looked up and compared as `Name`, or in `NameMap` and `NameSet`, and
/// stored as strings.
@usableFromInline
package struct Name: Hashable, Comparable, Sendable {
    @usableFromInline package let text: String

    @inlinable package init(_ text: String) { self.text = text }

    @usableFromInline package static func == (left: Name, right: Name) -> Bool {
        let count = left.text.utf8.count
        guard count == right.text.utf8.count else { return false }
        var (one, other) = (left.text, right.text)
        return one.withUTF8 { one in other.withUTF8 { other in count == 0 || memcmp(one.baseAddress!, other.baseAddress!, count) == 0 } }
    }

    @usableFromInline package static func < (left: Name, right: Name) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

    @usableFromInline package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // The end mark keeps names that follow one another apart.
        hasher.combine(UInt8(0xFF))
    }
}

extension String {
    /// Returns whether it is the same name, byte for byte.
    package func isName(_ other: String) -> Bool { Name(self) == Name(other) }
}

extension Sequence<String> {
    /// Returns whether one of the elements is that name, byte for byte.
    @inlinable package func containsName(_ name: String) -> Bool { contains { Name($0) == Name(name) } }

    /// Returns whether the elements are those names, in that order.
    @inlinable package func areNames(_ others: some Sequence<String>) -> Bool {
        lazy.map(Name.init).elementsEqual(others.lazy.map(Name.init))
    }
}
