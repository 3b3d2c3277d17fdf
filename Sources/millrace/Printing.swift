import Reasons

/// A line that a person reads. What is interpolated into it came from elsewhere, such as the name of a file, and has its control characters
/// escaped: it cannot forge a line, nor write over one.
struct Printed: ExpressibleByStringInterpolation, CustomStringConvertible {
    let text: String

    init(stringLiteral text: String) { self.text = text }
    init(stringInterpolation parts: StringInterpolation) { text = parts.text }

    var description: String { text }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {}

        mutating func appendLiteral(_ literal: String) { text += literal }

        mutating func appendInterpolation<Part>(_ part: Part) {
            text += (part as? Printed)?.text ?? String(describing: part).printable
        }
    }
}

/// Takes the place of Swift's `print` for literals.
func print(_ line: Printed) { Swift.print(line.text) }

/// Takes the place of Swift's `print` for texts that were put together elsewhere, and may have several lines.
@_disfavoredOverload
func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
    Swift.print(items.map { String(describing: $0).printable(keepingLines: true) }.joined(separator: separator), terminator: terminator)
}
