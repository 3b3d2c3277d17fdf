import ArgumentParser
import Reports
import Terminal

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print what waits and why, what runs, and what is in quarantine.")

    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func run() throws {
        let ledger = try root.ledger(values)
        let report = try reportingErrors {
            try StatusReport(
                of: root.folder, pipelines: files.read(root),
                outOfForce: files.pipelines.isEmpty ? FileOutOfForce.all(root.folder) : [], rootOption: root.asOption, ledger)
        }
        try show(report, output)
    }
}
