import ArgumentParser
import Ledger
import PipelineConfig

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare the ledger with the disk and say what differs.",
        discussion: "Changes nothing, and may run beside the daemon. Ends with 0 where nothing differs, else with 1.")

    @OptionGroup var root: RootOption
    @Flag(name: .long, help: "Compare sizes, not digests.") var fast = false
    @OptionGroup var output: JSONFlag

    func run() throws {
        let ledger = try root.ledger()
        let audit = try worded {
            let settings = try root.settings
            var audit = Audit(ledger: ledger, stateDirectory: settings.state, workDirectory: settings.work, comparesDigests: !fast)
            try audit.run()
            return audit
        }
        if output.json {
            try printJSON(audit)
        } else {
            for difference in audit.differences { print("\(shownPath(difference.path)): \(difference.what). \(difference.remedy)") }
            func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
            print(
                "\(counted(audit.checkedFiles, "published file")) and \(counted(audit.checkedVersions, "model version")) compared by "
                    + "\(fast ? "size" : "digest"): \(counted(audit.differences.count, "difference"))")
        }
        if !audit.differences.isEmpty { throw ExitStatus.problems }
    }
}
