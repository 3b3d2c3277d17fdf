import Reasons
package import Reports

/// Takes the place of Swift's `print` for literals.
package func print(_ line: Printed) { Swift.print(line.text) }

/// Takes the place of Swift's `print` for texts that were put together elsewhere, and may have several lines.
@_disfavoredOverload
package func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
    Swift.print(items.map { String(describing: $0).printable(keepingLines: true) }.joined(separator: separator), terminator: terminator)
}

/// Prints a report, as JSON or in words.
package func show(_ report: some Report, _ output: JSONFlag) throws {
    if output.json { return try printJSON(report) }
    for line in report.lines { print(line) }
}
