import ArgumentParser
import Arrivals
import Ledger
import PipelineConfig
import Reasons

struct Runs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List runs, newest first; with a run's number, its attempts, timings and what it published.")

    @Argument(help: ArgumentHelp("The number of one run.", valueName: "run")) var number: Int64?
    @OptionGroup var root: RootOption
    @Option(name: .long, help: "Of this pipeline only.") var pipeline: String?
    @Option(name: .long, help: "open, done, rejected, quarantined or abandoned.") var state: RunState?
    @Option(name: .long, help: "Of this file only.", completion: .file()) var file: String?
    @Option(name: .long, help: "At most as many.") var limit = 50
    @Option(name: .long, help: "Only runs below this number: the next page.") var before: Int64?
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is at least 1.") }
    }

    private struct Detail: Encodable {
        let run: RunRecord
        let arrival: Arrival?
        let attempts: [Attempt]
        let publications: [Publication]
        let training: TrainingRecord?
    }

    func run() throws {
        let ledger = try root.ledger(values)
        try worded {
            if let number { return try show(number, ledger) }
            var filter = RunFilter(pipeline: pipeline, state: state, before: before, limit: limit)
            let pipelines = files.read(root).pipelines
            if let pipeline { try checkPipeline(pipeline, ledger, pipelines) }
            if let file {
                let found = try FileFinder(map: SpoolMap(pipelines: pipelines), ledger: ledger, root: root.path).find(file)
                filter.path = found.place?.relativePath ?? found.known.first?.path ?? file
                filter.pipeline = pipeline ?? found.place?.pipeline.name
            }
            let runs = try ledger.runs(filter)
            if output.json { return try printJSON(runs) }
            if runs.isEmpty { return print("no such runs") }
            list(runs)
        }
    }

    private func list(_ runs: [RunRecord]) {
        var table = TextTable("RUN", "OPENED", "PIPELINE", "STATE", "VERSION", "TRIES", "ROWS", "SECONDS", "FILE")
        for run in runs {
            table.add(
                "\(run.run)", run.openedAt.short, run.pipeline, run.state.rawValue + (run.kind == .replay ? " (replay)" : ""),
                run.version.map(String.init) ?? "-", "\(run.attemptCount)", run.rowCount.map(String.init) ?? "-",
                run.timings["total"].map(shownSeconds) ?? "-", "\(run.role.rawValue) \(run.path)")
        }
        print(table.render())
    }

    private func show(_ number: Int64, _ ledger: RunLedger) throws {
        guard let record = try ledger.run(number) else { throw LedgerError.noSuchRun(number) }
        let detail = Detail(
            run: record, arrival: try ledger.arrival(record.arrival), attempts: try ledger.attempts(ofRun: number),
            publications: try ledger.publications(ofRun: number),
            training: try ledger.versions(pipeline: record.pipeline).first { $0.run == number }?.training)
        if output.json { return try printJSON(detail) }
        print("run \(number) of \(record.pipeline): \(record.state.rawValue)")
        for line in RunText.lines(record, detail.attempts, detail.publications) { print("  \(line)") }
        guard let training = detail.training else { return }
        print("  trained: \(training.summary)\(training.whole.map { ": \($0)" } ?? "")")
        for line in training.curve { print("  \(line)") }
    }
}

/// What `runs` and `explain` say of one run.
enum RunText {
    /// - Parameter said: an explanation that is shown already.
    static func lines(
        _ run: RunRecord, _ attempts: [Attempt], _ publications: [Publication], said: Explanation? = nil
    ) -> [String] {
        var lines = ["\(run.role.rawValue) \(run.path), arrival \(run.arrival)"]
        var facts = ["revision \(run.revision.shortDigest)"]
        if let version = run.version { facts.insert("by version \(version)", at: 0) }
        if run.kind == .replay { facts.append("a replay") }
        if let rows = run.rowCount { facts.append("\(rows) rows") }
        lines.append(facts.joined(separator: ", "))
        lines.append("opened \(run.openedAt)\(run.closedAt.map { ", closed \($0)" } ?? "")")
        if !run.timings.isEmpty {
            lines.append("\(run.timings["total"].map(shownSeconds) ?? "time"): \(shownTimings(run.timings))")
        }
        if let why = run.explanation, why != said {
            lines.append("why: \(why.whole) (\(why.rule))")
            lines.append("what to do: \(why.remedy)")
        }
        for attempt in attempts where attempts.count > 1 || attempt.error != run.explanation?.reason {
            lines.append(
                "attempt \(attempt.number), \(attempt.startedAt?.short ?? "-"): \(attempt.outcome)\(attempt.whole.map { ": \($0)" } ?? "")"
                    + (attempt.nextAttemptAt.map { "; next at \($0)" } ?? ""))
        }
        for publication in publications {
            lines.append(
                "\(publication.state.rawValue) \(shownPath(publication.root + "/" + publication.path)), \(publication.byteCount) bytes, "
                    + "sha256 \(publication.digest.shortDigest)")
        }
        return lines
    }
}
