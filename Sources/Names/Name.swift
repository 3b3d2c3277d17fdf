internal import Glibc

/// A name of something outside: a path, a column, a value or a weight of a model. Two names are one where their bytes are.
///
/// `String` compares by what text means: `é` as one character and `é` as two are equal to it, and it finds the one under the other's key. To a file
/// system, to Parquet and to ONNX they are two. So what is looked up or compared by such a name goes by `Name`, or by `NameMap` and `NameSet`; the
/// names themselves stay strings.
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
        // The end, so that names behind one another do not run together.
        hasher.combine(UInt8(0xFF))
    }
}

extension String {
    /// Whether it is that name, byte for byte.
    package func isName(_ other: String) -> Bool { Name(self) == Name(other) }
}

extension Sequence<String> {
    /// Whether one of them is that name, byte for byte.
    @inlinable package func containsName(_ name: String) -> Bool { contains { Name($0) == Name(name) } }

    /// Whether they are those names, in that order.
    @inlinable package func areNames(_ others: some Sequence<String>) -> Bool { lazy.map(Name.init).elementsEqual(others.lazy.map(Name.init)) }
}
