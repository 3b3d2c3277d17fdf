/// One axis of a value's static shape.
package enum Dimension: Sendable, Hashable, CustomStringConvertible {
    case fixed(Int)
    case symbolic(String)
    case unknown

    package var value: Int? {
        guard case .fixed(let value) = self else { return nil }
        return value
    }

    package var description: String {
        switch self {
        case .fixed(let value): "\(value)"
        case .symbolic(let name): name
        case .unknown: "?"
        }
    }
}
