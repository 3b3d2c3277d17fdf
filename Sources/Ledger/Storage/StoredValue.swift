import Arrivals

/// Holds one value of the ledger's tables.
enum StoredValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
}

/// A value that can be bound to a statement.
protocol Bindable {
    var stored: StoredValue { get }
}

extension Int64: Bindable {
    var stored: StoredValue { .integer(self) }
}

extension Int: Bindable {
    var stored: StoredValue { .integer(Int64(self)) }
}

extension Bool: Bindable {
    var stored: StoredValue { .integer(self ? 1 : 0) }
}

extension UTCTime: Bindable {
    var stored: StoredValue { .integer(milliseconds) }
}

extension String: Bindable {
    var stored: StoredValue { .text(self) }
}

extension Optional: Bindable where Wrapped: Bindable {
    var stored: StoredValue { self?.stored ?? .null }
}

extension ArrivalRole: Bindable {}
extension ArrivalState: Bindable {}
extension RunState: Bindable {}
extension RunKind: Bindable {}
extension Condition.Kind: Bindable {}
extension PublicationState: Bindable {}

extension Bindable where Self: RawRepresentable<String> {
    var stored: StoredValue { .text(rawValue) }
}
