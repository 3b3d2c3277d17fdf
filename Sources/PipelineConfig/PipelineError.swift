package import Reasons

/// Says why pipelines could not be read.
package enum PipelineError: Error, Equatable, CustomStringConvertible {
    /// There are problems of one file or between several, in file order; never an empty list.
    case problems([Problem])

    package var problems: [Problem] {
        switch self {
        case .problems(let problems): problems
        }
    }

    /// Tells whether a file could not be read now but may be readable another time, so that its faults are not known yet.
    package var isOfMachine: Bool { problems.contains { $0.rule == .machineFault } }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// Describes one fault in a pipeline file, in words for its author.
package struct Problem: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The rule that was broken, for scripts.
    package let rule: Rule
    /// The file's path as the reader got it.
    package let file: String
    package let position: Position
    /// The dotted path of the key (`stages[1].forward.batch_size`); empty for the file as a whole.
    package let key: String
    package let fault: String
    package let remedy: String

    package var description: String {
        "\(file):\(position.line):\(position.column): \(key.isEmpty ? "" : key + ": ")\(fault); \(remedy)"
    }
}
