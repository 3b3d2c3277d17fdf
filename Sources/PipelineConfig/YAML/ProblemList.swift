internal import Reasons

/// Collects the faults in one file, so that the reader can go on after a fault.
final class ProblemList {
    let file: String
    private(set) var all: [Problem] = []

    init(file: String) { self.file = file }

    func add(_ rule: Rule, _ position: Position, _ key: String, _ fault: String, _ remedy: String) {
        all.append(Problem(rule: rule, file: file, position: position, key: key, fault: fault, remedy: remedy))
    }

    /// The problems in file order; those at one position in the order in which they were found.
    var sorted: [Problem] {
        all.enumerated().sorted { a, b in
            let (p, q) = (a.element.position, b.element.position)
            return (p.line, p.column, a.offset) < (q.line, q.column, b.offset)
        }.map(\.element)
    }
}
