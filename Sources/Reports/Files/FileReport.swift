package import Arrivals
package import Ledger
package import Reasons

/// Tells what became of a file, by which rule, and what to do.
package struct FileReport: Report {
    package var file: String
    package var verdict: FileVerdict.Word
    package var reason: String
    package var cells: CellValues?
    package var rule: Rule
    package var remedy: String
    package var pipeline: String?
    package var role: ArrivalRole?
    /// The path relative to its spool.
    package var path: String?
    /// The publication that an output is.
    package var publication: Publication?
    package var wait: WaitReason?
    package var visits: [FileExplanation.Visit] = []

    package init(_ file: String, _ verdict: FileVerdict) {
        self.file = file
        self.verdict = verdict.word
        reason = verdict.explanation.reason
        cells = verdict.explanation.cells
        rule = verdict.explanation.rule
        remedy = verdict.explanation.remedy
    }

    package var lines: [Printed] {
        let why = Reason(reason, cells: cells)
        var lines: [Printed] = [
            "\(file): \(verdict.rawValue)",
            "  why         \(why.sentence)",
            "  by rule     \(rule): \(rule.sentence)",
            "  what to do  \(remedy)",
        ]
        if let pipeline { lines.append("  pipeline    \(pipeline)\(role.map { ", \($0.rawValue) \(path ?? "")" } ?? "")") }
        for visit in visits {
            let arrival = visit.arrival
            let digest = arrival.digest.map { ", sha256 \($0.shortDigest)" } ?? ""
            lines.append(
                "  arrival     \(arrival.number), \(arrival.arrivedAt), \(arrival.byteCount) bytes\(digest): \(arrival.state.rawValue)")
            if let complete = arrival.settledBy { lines.append("    found complete \(Self.shownEvidence(complete))") }
            for history in visit.runs {
                lines.append("    run \(history.run.number): \(history.run.state.rawValue)")
                let said = Explanation(reason: why, rule: rule, remedy: remedy)
                let told = RunReport.lines(history.run, history.attempts, history.publications, said: said)
                lines += told.dropFirst().map { "      \($0)" }
            }
        }
        return lines
    }

    /// Says how the watcher knew that a file was complete.
    private static func shownEvidence(_ evidence: String) -> String {
        switch evidence {
        case "renamed": "at once: it was renamed into place (renamed)"
        case "closed": "at once: its writer closed it and its format shows its end (closed)"
        case "lease": "soon after it was closed: nobody had it open for writing (lease)"
        case "quiet": "after it had not changed for settle.quiet (quiet)"
        default: "(\(evidence))"
        }
    }
}

/// Tells the same of every spool in which a file of that name is known: one, unless a relative path is in several.
package struct FileReports: Report {
    package let files: [FileReport]
    /// The state folder, where there is no ledger in it.
    let missingLedger: String?

    package func encode(to encoder: any Encoder) throws {
        try files.count == 1 ? files[0].encode(to: encoder) : files.encode(to: encoder)
    }

    package var lines: [Printed] {
        files.flatMap(\.lines)
            + (missingLedger.map {
                ["  note        there is no ledger in \(shownPath($0)): no daemon has worked on this root"] as [Printed]
            } ?? [])
    }
}
