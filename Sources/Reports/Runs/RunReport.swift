import Arrivals
package import Ledger
import Machine
import Reasons

/// Tells of one run: its attempts, timings and what it published.
package struct RunReport: Report {
    package let run: RunRecord
    package let arrival: Arrival?
    package let attempts: [Attempt]
    package let publications: [Publication]
    package let training: TrainingRecord?

    /// Throws `noSuchRun` where the ledger has no run of that number.
    package init(ofRun number: Int64, _ ledger: RunLedger) throws(LedgerError) {
        guard let record = try ledger.run(number) else { throw .noSuchRun(number) }
        run = record
        arrival = try ledger.arrival(record.arrival)
        attempts = try ledger.attempts(ofRun: number)
        publications = try ledger.publications(ofRun: number)
        training = try ledger.versions(pipeline: record.pipeline).first { $0.run == number }?.training
    }

    package var lines: [Printed] {
        var lines: [Printed] = ["run \(run.number) of \(run.pipeline): \(run.state.rawValue)"]
        lines += Self.lines(run, attempts, publications).map { "  \($0)" }
        guard let training else { return lines }
        lines.append("  trained: \(training.summary)\(training.fullReason.map { ": \($0.sentence)" } ?? "")")
        return lines + training.curve.map { "  \($0)" }
    }

    /// Returns the lines of a run for itself and for a file's history.
    /// - Parameter said: an explanation that is shown already.
    static func lines(
        _ run: RunRecord, _ attempts: [Attempt], _ publications: [Publication], said: Explanation? = nil
    ) -> [Printed] {
        var lines: [Printed] = ["\(run.role.rawValue) \(run.path), arrival \(run.arrival)"]
        var facts = ["revision \(run.revision.shortDigest)"]
        if let version = run.version { facts.insert("by version \(version)", at: 0) }
        if run.kind == .replay { facts.append("a replay") }
        if let rows = run.rowCount { facts.append("\(rows) rows") }
        lines.append("\(facts.joined(separator: ", "))")
        lines.append("opened \(run.openedAt)\(run.closedAt.map { ", closed \($0)" } ?? "")")
        if let machine = run.machine { lines.append("on \(machine)") }
        if !run.timings.isEmpty {
            lines.append("\(run.timings["total"].map(shownSeconds) ?? "time"): \(shownTimings(run.timings))")
        }
        if let why = run.explanation, why != said {
            lines.append("why: \(why.fullReason.sentence) (\(why.rule))")
            lines.append("what to do: \(why.remedy)")
        }
        for attempt in attempts where attempts.count > 1 || attempt.error != run.explanation?.reason {
            let next = attempt.nextAttemptAt.map { "; next at \($0)" } ?? ""
            let why = attempt.fullReason.map { ": \($0.sentence)" } ?? ""
            let machine = attempt.machine.flatMap { $0 == run.machine ? nil : "; on \($0)" } ?? ""
            lines.append("attempt \(attempt.number), \(attempt.startedAt?.short ?? "-"): \(attempt.outcome)\(why)\(next)\(machine)")
        }
        for publication in publications {
            let output = publication.output
            let place: Printed = "\(publication.state.rawValue) \(shownPath(output.absolutePath))"
            lines.append("\(place), \(output.byteCount) bytes, sha256 \(output.digest.shortDigest)")
        }
        return lines
    }
}

/// Lists runs, newest first.
package struct RunList: Report {
    package let runs: [RunRecord]

    package init(_ filter: RunFilter, _ ledger: RunLedger) throws(LedgerError) { runs = try ledger.runs(filter) }

    package func encode(to encoder: any Encoder) throws { try runs.encode(to: encoder) }

    package var lines: [Printed] {
        if runs.isEmpty { return ["no such runs"] }
        var table = TextTable("RUN", "OPENED", "PIPELINE", "STATE", "VERSION", "TRIES", "ROWS", "SECONDS", "FILE")
        for run in runs {
            table.add(
                "\(run.number)", run.openedAt.short, run.pipeline, run.state.rawValue + (run.kind == .replay ? " (replay)" : ""),
                run.version.map(String.init) ?? "-", "\(run.attemptCount)", run.rowCount.map(String.init) ?? "-",
                run.timings["total"].map(shownSeconds) ?? "-", "\(run.role.rawValue) \(run.path)")
        }
        return table.lines
    }
}
