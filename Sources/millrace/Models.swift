import ArgumentParser
import Ledger
import PipelineConfig
import Reasons

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List a pipeline's model versions: verdicts, parents, which one is active.")

    @Argument(help: "The pipeline's name.") var pipeline: String
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func run() throws {
        let ledger = try root.ledger(values)
        try worded {
            try checkPipeline(pipeline, ledger, files.read(root).pipelines)
            let versions = try ledger.versions(pipeline: pipeline)
            if output.json { return try printJSON(versions) }
            if versions.isEmpty { return print("\(pipeline) has no model yet: drop one into its models spool") }
            var table = TextTable("VERSION", "", "VERDICT", "PARENT", "TRAINED", "ARRIVAL", "CONTENT", "DECIDED", "FILE")
            var reasons: [String] = []
            for version in versions {
                let file = try ledger.arrival(version.arrival)?.path ?? ""
                table.add(
                    version.version.map(String.init) ?? "-",
                    version.isPinned ? "pinned" : version.isActive ? "active" : version.isPruned ? "pruned" : "",
                    version.verdict.rawValue, version.parent.map(String.init) ?? "-", version.training?.summary ?? "-",
                    "\(version.arrival)",
                    version.sourceDigest?.shortDigest ?? "-", version.decidedAt?.short ?? "-", file)
                if let rejection = version.training?.whole, version.verdict == .published {
                    reasons.append("tuning of arrival \(version.arrival), \(file): \(rejection)")
                }
                if let reason = version.whole { reasons.append("arrival \(version.arrival), \(file): \(reason)") }
            }
            print(table.render())
            if !reasons.isEmpty { print("\nrejected:") }
            for reason in reasons { print("  \(reason)") }
        }
    }
}
