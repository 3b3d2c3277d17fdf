import Reasons

/// Holds a line that a person reads. What is interpolated into it came from elsewhere, such as the name of a file, and has its control
/// characters escaped: it cannot forge a line, nor write over one.
package struct Printed: ExpressibleByStringInterpolation, CustomStringConvertible, Hashable, Sendable {
    package let text: String

    package init(stringLiteral text: String) { self.text = text }
    package init(stringInterpolation parts: StringInterpolation) { text = parts.text }

    package var description: String { text }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation<Part>(_ part: Part) {
            text += (part as? Printed)?.text ?? String(describing: part).printable
        }
    }
}
