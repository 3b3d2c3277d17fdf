import ArgumentParser
import Reports
import Terminal

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare the ledger with the disk and say what differs.",
        discussion: "Changes nothing, and may run beside the daemon. Ends with 0 where nothing differs, else with 1.")

    @OptionGroup var root: RootOption
    @Flag(name: .long, help: "Compare sizes, not digests.") var fast = false
    @OptionGroup var output: JSONFlag

    func run() throws {
        let ledger = try root.ledger()
        let audit = try reportingErrors { try Audit(ledger: ledger, settings: try root.settings, comparesDigests: !fast) }
        try show(audit, output)
        if !audit.differences.isEmpty { throw ExitStatus.problems }
    }
}
