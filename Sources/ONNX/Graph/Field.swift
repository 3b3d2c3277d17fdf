/// Represents a wire field with presence, as all of ONNX's fields are: it reads as its type's default where it is absent, and becomes
/// present when assigned. `$field` is the optional itself, to ask for presence or to remove it.
@propertyWrapper
package struct Field<Wrapped: FieldDefault>: Sendable, Equatable {
    package var projectedValue: Wrapped?

    package init() { projectedValue = nil }
    package init(wrappedValue: Wrapped) { projectedValue = wrappedValue }
    package init(_ stored: Wrapped?) { projectedValue = stored }

    package var wrappedValue: Wrapped {
        get { projectedValue ?? .fieldDefault }
        set { projectedValue = newValue }
    }
}

package protocol FieldDefault: Sendable, Equatable {
    static var fieldDefault: Self { get }
}

extension String: FieldDefault { package static var fieldDefault: String { "" } }
extension Int64: FieldDefault { package static var fieldDefault: Int64 { 0 } }
