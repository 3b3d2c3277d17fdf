/// A dictionary whose keys are names: its users see strings, and it compares bytes.
@usableFromInline
package struct NameMap<Value> {
    @usableFromInline var byName: [Name: Value]

    @inlinable package init() { byName = [:] }

    @inlinable package init(minimumCapacity: Int) { byName = Dictionary(minimumCapacity: minimumCapacity) }

    @inlinable package init(uniqueKeysWithValues pairs: some Sequence<(String, Value)>) {
        byName = Dictionary(uniqueKeysWithValues: pairs.lazy.map { (Name($0), $1) })
    }

    @inlinable package init(_ pairs: some Sequence<(String, Value)>, uniquingKeysWith combine: (Value, Value) throws -> Value) rethrows {
        byName = try Dictionary(pairs.lazy.map { (Name($0), $1) }, uniquingKeysWith: combine)
    }

    @inlinable init(_ byName: [Name: Value]) { self.byName = byName }

    @inlinable package subscript(name: String) -> Value? {
        get { byName[Name(name)] }
        _modify { yield &byName[Name(name)] }
        set { byName[Name(name)] = newValue }
    }

    @inlinable package subscript(name: String, default fallback: @autoclosure () -> Value) -> Value {
        get { byName[Name(name), default: fallback()] }
        _modify { yield &byName[Name(name), default: fallback()] }
    }

    @inlinable package var count: Int { byName.count }
    @inlinable package var isEmpty: Bool { byName.isEmpty }
    @inlinable package var keys: some Collection<String> { byName.keys.lazy.map(\.text) }
    @inlinable package var values: some Collection<Value> { byName.values }

    @discardableResult
    @inlinable package mutating func removeValue(forKey name: String) -> Value? { byName.removeValue(forKey: Name(name)) }

    @inlinable package func compactMapValues<Other>(_ transform: (Value) throws -> Other?) rethrows -> NameMap<Other> {
        NameMap<Other>(try byName.compactMapValues(transform))
    }

    @inlinable package func filter(_ isKept: ((key: String, value: Value)) throws -> Bool) rethrows -> NameMap {
        NameMap(try byName.filter { try isKept((key: $0.key.text, value: $0.value)) })
    }
}

extension NameMap: Sequence {
    @usableFromInline
    package struct Iterator: IteratorProtocol {
        @usableFromInline var base: [Name: Value].Iterator

        @inlinable init(base: [Name: Value].Iterator) { self.base = base }

        @inlinable package mutating func next() -> (key: String, value: Value)? { base.next().map { (key: $0.key.text, value: $0.value) } }
    }

    @inlinable package func makeIterator() -> Iterator { Iterator(base: byName.makeIterator()) }
    @inlinable package var underestimatedCount: Int { byName.count }
}

extension NameMap: ExpressibleByDictionaryLiteral {
    @inlinable package init(dictionaryLiteral elements: (String, Value)...) { self.init(uniqueKeysWithValues: elements) }
}

extension NameMap: Equatable where Value: Equatable {}
extension NameMap: Hashable where Value: Hashable {}
extension NameMap: Sendable where Value: Sendable {}

extension NameMap: CustomStringConvertible {
    @inlinable package var description: String {
        "[" + byName.sorted { $0.key < $1.key }.map { "\"\($0.key.text)\": \($0.value)" }.joined(separator: ", ") + (isEmpty ? ":]" : "]")
    }
}

/// A set of names: its users see strings, and it compares bytes.
@usableFromInline
package struct NameSet: Hashable, Sendable {
    @usableFromInline var names: Set<Name>

    @inlinable package init() { names = [] }
    @inlinable package init(_ names: some Sequence<String>) { self.names = Set(names.lazy.map(Name.init)) }

    @inlinable package func contains(_ name: String) -> Bool { names.contains(Name(name)) }
    @inlinable package var count: Int { names.count }
    @inlinable package var isEmpty: Bool { names.isEmpty }

    @discardableResult
    @inlinable package mutating func insert(_ name: String) -> (inserted: Bool, memberAfterInsert: String) {
        let (inserted, member) = names.insert(Name(name))
        return (inserted, member.text)
    }

    @discardableResult
    @inlinable package mutating func remove(_ name: String) -> String? { names.remove(Name(name))?.text }

    @inlinable package mutating func formUnion(_ other: some Sequence<String>) { names.formUnion(other.lazy.map(Name.init)) }
    @inlinable package func union(_ other: some Sequence<String>) -> NameSet {
        var union = self
        union.formUnion(other)
        return union
    }
    @inlinable package func subtracting(_ other: some Sequence<String>) -> NameSet {
        var rest = self
        rest.names.subtract(other.lazy.map(Name.init))
        return rest
    }
}

extension NameSet: Sequence {
    @usableFromInline
    package struct Iterator: IteratorProtocol {
        @usableFromInline var base: Set<Name>.Iterator

        @inlinable init(base: Set<Name>.Iterator) { self.base = base }

        @inlinable package mutating func next() -> String? { base.next()?.text }
    }

    @inlinable package func makeIterator() -> Iterator { Iterator(base: names.makeIterator()) }
    @inlinable package var underestimatedCount: Int { names.count }
}

extension NameSet: ExpressibleByArrayLiteral {
    @inlinable package init(arrayLiteral elements: String...) { self.init(elements) }
}
