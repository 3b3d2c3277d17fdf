import ArgumentParser
import Arrivals
import Daemon
import Ledger
import PipelineConfig
import Reports
import Terminal

struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let go what `retain` does not keep: archived inputs, quarantine, history, labelled rows.",
        discussion: """
            The daemon does it every hour. Nothing goes that an input or an output that stands, or an open training, needs. With \
            --removed, everything known of pipelines that no file names any more goes, however new; what they published stays on disk.
            """)

    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @Flag(name: .long, help: "Say what would go, and change nothing.") var dryRun = false
    @Option(name: .long, help: ArgumentHelp("Forget a pipeline that no file names any more; repeatable.", valueName: "pipeline"))
    var removed: [String] = []
    @OptionGroup var output: JSONFlag

    private struct Report: Encodable {
        let isDryRun: Bool
        let shares: [Retention.Share]
        let removed: [String: Int]
    }

    func run() throws {
        let lint = files.read(root)
        for problem in lint.problems { _ = fail(problem) }
        guard lint.isClean else { throw ExitStatus.badConfiguration }
        let settings = try root.settings
        // The ledger is first opened for reading, so that none is made where there is none. Users who may only ask the daemon can ask what
        // would go.
        let readable = try root.ledger()
        let work = try root.place.work
        let report = try reportingErrors {
            let ledger = dryRun ? readable : try RunLedger(stateDirectory: settings.state)
            let cleared = try clear(ledger, lint)
            let shares =
                removed.isEmpty
                ? try Retention(ledger: ledger, pipelines: lint.pipelines, work: work, now: .now).apply(dry: dryRun) : []
            return Report(isDryRun: dryRun, shares: shares, removed: cleared)
        }
        if output.json { return try printJSON(report) }
        let went = dryRun ? "would go" : "went"
        for share in report.shares {
            let size = share.bytes > 0 ? ", \(share.bytes) bytes" : ""
            print(
                "\(share.pipeline) \(share.kind.rawValue): \(share.count) \(went)\(size): "
                    + "\(share.examples.joined(separator: "; "))\(share.count > 3 ? "; …" : "")"
            )
        }
        for (name, count) in report.removed.sorted(by: { $0.key < $1.key }) { print("\(name): \(count) arrivals \(went)") }
        if report.shares.isEmpty, report.removed.isEmpty { print("nothing \(dryRun ? "would go" : "went")") }
    }

    private func clear(_ ledger: RunLedger, _ lint: LintReport) throws -> [String: Int] {
        var cleared: [String: Int] = [:]
        let inForce = Set(root.folder.inForce?.entries.map(\.pipeline) ?? [])
        for name in removed {
            if inForce.contains(name) || lint.pipelines.contains(where: { $0.name == name || $0.was == name }) {
                throw fail("a pipeline file names \(name): remove that first, or its `was`")
            }
            guard try ledger.knows(name) else {
                throw fail("\(name) has no history. There is one of \(try ledger.pipelines().joined(separator: ", "))")
            }
            if dryRun {
                cleared[name] = try ledger.status(now: .now).first { $0.pipeline == name }?.counts.reduce(0) { $0 + $1.count } ?? 0
            } else {
                cleared[name] = try ledger.write { (tx) throws(LedgerError) in try tx.clear(pipeline: name) }
            }
        }
        return cleared
    }
}
