import ArgumentParser
import Ledger
import PipelineConfig
import Terminal

struct Activate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put another version in force for what arrives from now on.",
        discussion: """
            `millrace models PIPELINE` lists the versions. What was scored already is not scored again: see `millrace replay`. Without \
            --pin it is in force until the next model is published. A version that was pruned comes back with `millrace replay \
            MODEL-FILE`.
            """)

    @Argument(help: "The pipeline's name.") var pipeline: String
    @Argument(help: "A published version.") var version: Int?
    @Flag(name: .long, help: "It stays in force, and is kept, until --unpin: what is published meanwhile lands beside it.") var pin = false
    @Flag(name: .long, help: "Take the pin away, and put VERSION in force where one is given.") var unpin = false
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag

    func validate() throws {
        guard !(pin && unpin) else { throw ValidationError("--pin and --unpin exclude each other.") }
        guard version != nil || unpin else { throw ValidationError("Say which version: `millrace models \(pipeline)` lists them.") }
    }

    func run() throws {
        let asking = DaemonRequest(root: root, pipelines: files.read(root).pipelines)
        if unpin { try asking.ask(.unpin(pipeline: pipeline), json: output.json) }
        guard let version else { return }
        try asking.ask(
            pin ? .pin(pipeline: pipeline, version: version) : .activate(pipeline: pipeline, version: version), json: output.json)
    }
}
