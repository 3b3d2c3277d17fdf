/// Describes one axis of the shape that a model declares for a value.
package enum Dimension: Sendable, Hashable, CustomStringConvertible {
    case fixed(Int)
    /// The axis is open and has a name. Axes with one name have one extent.
    case symbolic(String)
    case unknown

    /// The extent, if it is fixed.
    package var value: Int? {
        guard case .fixed(let value) = self else { return nil }
        return value
    }

    /// The name of the axis, if it is open and has one.
    package var symbol: String? {
        guard case .symbolic(let name) = self else { return nil }
        return name
    }

    package var description: String {
        switch self {
        case .fixed(let value): "\(value)"
        case .symbolic(let name): name
        case .unknown: "?"
        }
    }
}
