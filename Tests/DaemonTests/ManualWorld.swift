import Arrivals
import Daemon
import Ledger
import LedgerSupport
import Logging
import PipelineConfig
import TestSupport

struct Unmet: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A spool, a ledger and a dispatcher without threads or files. Contents are their own digests.
final class ManualWorld {
    private let directory: TemporaryDirectory
    private let publisher = MemoryPublisher()
    private let pipelines: [Pipeline]
    private let jobs: Int?
    private var ledger: RunLedger
    private var dispatcher: Dispatcher?
    private var now = UTCTime(milliseconds: 1_800_000_000_000)
    private var spool: [String: (role: ArrivalRole, content: String, stamp: FileStamp)] = [:]
    private var stamps: Int64 = 0
    /// What is being written into files, by name.
    private var beingWritten: [String: String] = [:]

    init(_ scenario: Scenario) throws {
        directory = try TemporaryDirectory("scenario")
        ledger = try RunLedger(stateDirectory: directory("state"))
        publisher.keepsAdapters = scenario.hasAdapters
        pipelines = try scenario.pipelines.sorted { $0.key < $1.key }.map { name, text in
            try PipelineFile.read(Array(text.utf8), source: "\(name).yaml", root: "/nowhere")
        }
        jobs = scenario.jobs
        publisher.found = { [unowned self] name in spool[name].map { ($0.stamp, $0.content) } }
        try start()
    }

    func perform(_ statement: Scenario.Statement) throws {
        now = now.advanced(by: .milliseconds(10))
        switch statement {
        case .with: break
        case .drop(let role, let name, let content):
            put(content, ArrivalRole(role), at: name)
            if dispatcher != nil { try number([name]) }
        case .begin(let name, let content):
            beingWritten[name] = content
            put("half of \(content)", .data, at: name)
        case .finish(let name):
            put(beingWritten.removeValue(forKey: name) ?? "", .data, at: name)
            try number([name])
        case .delete(let name):
            spool[name] = nil
            try dispatcher?.deleted([name], in: "p", at: now)
        case .plant(let output): publisher.files[outputPath(output)] = "planted"
        case .settle: try settle()
        case .await(let name): try settle { try self.visit(name)?.arrival.state == .done }
        case .start: try start()
        case .stop: dispatcher = nil
        case .kill:
            _ = try dispatcher?.assignments(at: now)  // Work is handed out, and lost.
            dispatcher = nil
        case .pause: try ask(.pause(pipeline: "p"))
        case .resume: try ask(.resume(pipeline: "p"))
        case .activate(let version): try ask(.activate(pipeline: "p", version: version))
        case .pin(let version): try ask(.pin(pipeline: "p", version: version))
        case .unpin: try ask(.unpin(pipeline: "p"))
        case .retry(let name): try ask(.retry(Selection(pipeline: "p", path: name)))
        case .replay(let name): try ask(.replay(Selection(pipeline: "p", path: name)))
        default: try expect(statement)
        }
    }

    private func put(_ content: String, _ role: ArrivalRole, at name: String) {
        stamps += 1
        spool[name] = (role, content, FileStamp(device: 1, inode: stamps, size: Int64(content.utf8.count), changed: stamps))
    }

    private func start() throws {
        let dispatcher = Dispatcher(ledger: ledger, publisher: publisher, log: Logger(label: "scenario") { _ in SwiftLogNoOpLogHandler() })
        try dispatcher.use(pipelines)
        try dispatcher.recover(at: now)
        self.dispatcher = dispatcher
        let unseen = try spool.filter { name, file in
            let place = Scenario.Place(name)
            return try !ledger.isCurrent(place.pipeline, file.role, place.name, file.stamp)
        }.keys
        // As a scan delivers: models first, then labels, then the oldest.
        func place(_ name: String) -> (Int, Int64) { (ArrivalRole.allCases.firstIndex(of: spool[name]!.role)!, spool[name]!.stamp.changed) }
        let missing = try ledger.standingInputs(of: "p", limit: Int.max).map(\.path).filter { spool[$0] == nil }
        try dispatcher.deleted(missing, in: "p", at: now)
        try number(unseen.sorted { place($0) < place($1) })
    }

    private func number(_ names: [String]) throws {
        for name in names {
            let file = spool[name]!
            let place = Scenario.Place(name)
            let stem = place.name.split(separator: ".", maxSplits: 1)[0]
            let arriving = ArrivedFile(
                SpoolPlace(pipeline: place.pipeline, role: file.role, path: place.name), digest: file.content, stamp: file.stamp,
                outputKey: file.role == .data ? stem + ".csv" : nil)
            let outcomes = try ledger.arrive([arriving], at: now)
            try dispatcher?.arrived(.init(pipeline: place.pipeline, at: now, arrivals: Array(zip([arriving], outcomes))))
        }
    }

    private func ask(_ request: Request) throws {
        _ = try ledger.submit(request, at: now)
        try dispatcher?.applyRequests(at: now)
    }

    /// What may be handed out: all, or as much as there are workers.
    private var loads: WorkLoads {
        var loads = WorkLoads.none
        if let jobs { loads.scoring.free = jobs }
        return loads
    }

    private func settle(until isEnough: () throws -> Bool = { false }) throws {
        guard let dispatcher else { return }
        for _ in 0..<1000 {
            if try isEnough() { return }
            let started = try dispatcher.assignments(at: now, for: loads)
            if started.isEmpty {
                guard let wake = dispatcher.nextWake() else { return }
                now = max(now, wake)
                continue
            }
            try dispatcher.finish(started.map { ($0, publisher.execute($0.spec)) }, at: now)
            for name in publisher.removed { spool[name] = nil }
        }
        throw Unmet("it never settles")
    }

    private func visit(_ name: String) throws -> FileExplanation.Visit? {
        let place = Scenario.Place(name)
        return try ledger.explain(path: place.name, pipeline: place.pipeline, now: now).first?.visits.first
    }

    private func outputPath(_ output: String) -> String {
        let place = Scenario.Place(output)
        return "/nowhere/\(place.folder)out/outputs/\(place.name).csv"
    }

    // MARK: What must hold

    private func expect(_ statement: Scenario.Statement) throws {
        func check(_ condition: Bool, _ found: @autoclosure () -> String) throws { if !condition { throw Unmet("found \(found())") } }
        switch statement {
        case .expectState(let name, let state, let version):
            let visit = try visit(name)
            try check(visit?.arrival.state.rawValue == state.rawValue, "\(String(describing: visit?.arrival.state))")
            if let version { try check(visit?.runs.first?.run.version == version, "\(String(describing: visit?.runs.first?.run.version))") }
        case .expectOutput(let output, let content, let version):
            let found = publisher.files[outputPath(output)]
            try check(found == "\(content)|\(publisher.models[version] ?? "no version \(version)")", "\(found ?? "nothing")")
        case .expectNoOutput(let output): try check(publisher.files[outputPath(output)] == nil, "one")
        case .expectPlanted(let output):
            try check(publisher.files[outputPath(output)] == "planted", "another")
        case .expectLines(let name, let count): try check(publisher.lines[name, default: 0] == count, "\(publisher.lines)")
        case .expectInput(let name, let isThere): try check((spool[name] != nil) == isThere, "\(spool.keys)")
        case .expectVersions(let versions): try check(publisher.models.keys.sorted() == versions, "\(publisher.models.keys.sorted())")
        case .expectAdds(let version, let addend):
            try check(publisher.models[version] == "plus\(addend)", "\(publisher.models)")
        case .expectParent(let version, let parent):
            let found = try ledger.versions(pipeline: "p").first { $0.version == version }
            try check(found?.parent == parent, "\(String(describing: found?.parent))")
            try check(found?.parentDigest == publisher.published[parent]?.floatDigest, "\(String(describing: found?.parentDigest))")
        case .expectModel(let version, let other):
            try check(publisher.modelFiles[version] == publisher.modelFiles[other], "\(publisher.modelFiles)")
            let digests = [version, other].map { publisher.published[$0]?.digest }
            try check(digests[0] != digests[1], "one digest for two versions")
        case .expectActive(let version):
            try check(publisher.active == version, "\(String(describing: publisher.active))")
            try check(try ledger.activeVersion(pipeline: "p") == version, "another in the ledger")
        case .expectRuns(let name, let count):
            let runs = try ledger.runs(RunFilter(pipeline: "p", path: name)).filter { $0.state != .abandoned }
            try check(runs.count == count, "\(runs.count)")
        case .expectOrder(let first, let second):
            let numbers = try [first, second].map { try visit($0)?.arrival.number ?? 0 }
            try check(numbers[0] < numbers[1], "\(numbers)")
        default: throw Unmet("not an expectation")
        }
    }
}

extension ArrivalRole {
    init(_ role: Scenario.Role) {
        switch role {
        case .model: self = .model
        case .labelled: self = .labelled
        case .data: self = .data
        }
    }
}
