import ArgumentParser
import Arrivals
import Ledger
import PipelineConfig
import Reports
import Terminal

/// Describes the states of arrivals that a command can be asked to select.
protocol SelectableState: ExpressibleByArgument, RawRepresentable<String>, CaseIterable, Sendable {}

/// Says which arrivals `retry`, `replay` and `forget` mean; all that is given must hold.
struct SelectionOptions<State: SelectableState>: ParsableArguments {
    @Argument(help: "A file: a path, or one relative to its spool.", completion: .file()) var file: String?
    @Option(name: .long, help: "Of this pipeline only.") var pipeline: String?
    @Option(name: .long, help: "model, labelled or data.") var role: ArrivalRole?
    @Option(name: .long, help: "In this state only.") var state: State?
    @Option(name: .long, help: "Arrived since: 2031-02-03, 2031-02-03T04:05:06Z, or an age such as 2h.") var since: Moment?
    @Option(name: .long, help: "The arrival of this run.") var run: Int64?
    @Flag(name: .long, help: "Everything there is.") var all = false

    func validate() throws {
        let isNarrow = file != nil || pipeline != nil || role != nil || state != nil || since != nil || run != nil
        guard isNarrow != all else {
            throw ValidationError("Say which: a FILE, --pipeline, --role, --state, --since or --run; or --all.")
        }
    }

    func selection(_ root: RootOption, _ pipelines: [Pipeline]) throws -> Selection {
        var selection = Selection(
            pipeline: pipeline, role: role, run: run, since: since?.time, state: state.flatMap { ArrivalState(rawValue: $0.rawValue) })
        guard let file else { return selection }
        let ledger = try root.ledger()
        let found = try reportingErrors { try FileFinder(map: SpoolMap(pipelines: pipelines), ledger: ledger, root: root.path).find(file) }
        let known = found.known.filter { (pipeline == nil || $0.pipeline == pipeline) && (role == nil || $0.role == role) }
        guard let one = known.first else {
            throw fail("\(file) has never arrived\(pipeline.map { " in \($0)" } ?? ""). millrace explain \(file) says why.")
        }
        guard known.count == 1 else {
            let places = known.map { "\($0.pipeline) \($0.role.rawValue)" }.joined(separator: ", ")
            throw fail("\(file) is in several spools: \(places). Say which with --pipeline and --role.")
        }
        selection.pipeline = one.pipeline
        selection.role = one.role
        selection.path = one.path
        return selection
    }
}

/// Holds a time as a person gives it.
struct Moment: ExpressibleByArgument {
    let time: UTCTime

    init?(argument: String) {
        let spellings = [argument, argument + "T00:00:00.000Z", argument.replacing("Z", with: ".000Z")]
        if let time = spellings.lazy.compactMap({ UTCTime($0) }).first {
            self.time = time
        } else if let age = Quantities.duration(argument) {
            time = UTCTime.now.advanced(by: .zero - age)
        } else {
            return nil
        }
    }
}
