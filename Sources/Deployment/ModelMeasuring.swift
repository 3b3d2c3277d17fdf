import Arrivals
package import Attempts
import Machine
import PipelineConfig
import Recipes

/// Measures a model in several ways of executing it, each in a process of its own, against each other.
///
/// First the forms of the model are made. All engines run once over the same rows with each form, and their outputs are compared with those
/// of the original, or a metric of theirs on labelled rows; those that do not pass are left out, or refined until they do. The others are
/// timed in short bursts, in turns, so that what else happens on the machine meets all of them; those that are far behind are left out
/// early. Then ways of sharing the cores are tried with the best candidate and the original, and numbers of rows with the best of these.
package final class ModelMeasuring {
    let files: AttemptSpec.MeasuredFiles
    let plan: MeasuringPlan
    private let template: AttemptSpec
    private let makeProcess: (Candidate) -> any CandidateProcess
    private let tell: (MeasuringProgress) -> Void
    let freeBytes: () -> Int
    private var processes: [ProcessKey: any CandidateProcess] = [:]
    private var machines: Set<AttemptMachine> = []
    var lanes: [Lane] = []
    var forms: [FormResult] = []
    var leftOut: [String: String] = [:]
    var judging: Judging?
    /// The seconds that timing took so far, and those that the making of forms took.
    private(set) var spent = 0.0, making = 0.0
    /// The seconds that a candidate runs before its turn ends.
    var burst: Double
    private var compared = 0
    /// Why measuring was ended from outside; nil where it was not.
    private var ending: Failure?

    /// Candidates that differ in the batch size alone share processes and their sessions.
    private struct ProcessKey: Hashable {
        let engine: EngineChoice
        let sharing: CoreSharing
        let form: ModelForm

        init(_ candidate: Candidate) { (engine, sharing, form) = (candidate.engine, candidate.sharing, candidate.form) }
    }

    /// Holds a candidate and the times of its bursts.
    struct Lane {
        var result: CandidateResult
        var clock: [Double] = []
        var processor: [Double] = []
        /// Tells whether it is refused for its outputs alone, so that a finer form of the model may pass.
        var disagrees = false
    }

    /// - Parameters:
    ///   - template: the spec of an attempt that scores the rows with the model as it is: pipeline, schema, outputs.
    ///   - files: the model, the rows, and the folder for the outputs that are compared with, which exists. Forms of the model are made in
    ///     folders in it, and stay there.
    ///   - makeProcess: starts the process of a candidate, or of one of its sessions.
    ///   - freeBytes: returns the memory that can be had.
    ///   - tell: is told of each step.
    package init(
        _ template: AttemptSpec, _ files: AttemptSpec.MeasuredFiles, _ plan: MeasuringPlan,
        process makeProcess: @escaping (Candidate) -> any CandidateProcess, freeBytes: @escaping () -> Int = MachineMemory.available,
        tell: @escaping (MeasuringProgress) -> Void = { _ in }
    ) {
        self.freeBytes = freeBytes
        burst = Self.longestBurst(plan.budget)
        self.template = template
        self.files = files
        self.plan = plan
        self.makeProcess = makeProcess
        self.tell = tell
    }

    /// Measures, and returns what came out. Throws where the model cannot be run as it is: then there is nothing to compare with; and where
    /// measuring was ended from outside: then what came out says nothing.
    package func run() throws(Failure) -> DeploymentTable {
        let start = ContinuousClock.now
        for (engine, reason) in plan.engines.leftOut { leftOut["\(engine)"] = reason }
        try compareAsPublished()
        for form in plan.forms where hasTime(toMake: form) && make(form, float: []) {
            for engine in plan.engines.tried where engine.mayGain(by: form) {
                addLane(Candidate(engine, form: form, plan.sharings[0], batch: plan.batches[0]))
            }
        }
        time(passing, until: plan.budget * 0.5)
        let refined = refine()
        if !refined.isEmpty { time([0] + refined, until: plan.budget * 0.6) }
        addSharings()
        time(passing.filter { !isHopeless($0) }, until: plan.budget * 0.8)
        time(addBatches(), until: plan.budget)
        duel()
        if let ending { throw ending }
        var table = DeploymentTable(
            model: files.model.digest, machines: machines.sorted { "\($0)" < "\($1)" }, comparedRows: files.data == nil ? nil : compared,
            gate: plan.gate, measure: measure, seconds: (ContinuousClock.now - start).seconds,
            sessions: decidingSessions, candidates: lanes.map(\.result), forms: forms, leftOut: leftOut)
        table.judging = judging
        return table
    }

    private var passing: [Int] { lanes.indices.filter { lanes[$0].result.passes } }

    // MARK: Outputs

    /// Runs each engine once over the rows with the model as it was published, and compares what comes out.
    private func compareAsPublished() throws(Failure) {
        say("comparing \(plan.original.way)")
        let answer = ask(plan.original, .reference)
        if let failure = answer.failure { throw failure }
        var original = Lane(result: CandidateResult(plan.original))
        compared = answer.measurement?.rows ?? 0
        original.result.peakBytes = answer.measurement?.peakBytes ?? 0
        lanes.append(original)
        try judgeAsPublished()
        for engine in plan.engines.tried.dropFirst() {
            var candidate = plan.original
            candidate.engine = engine
            addLane(candidate)
        }
    }

    private func addLane(_ candidate: Candidate) {
        lanes.append(Lane(result: CandidateResult(candidate)))
        compare(lanes.count - 1)
    }

    /// Runs a candidate once over the rows, and compares what comes out with the original.
    func compare(_ index: Int) {
        let candidate = lanes[index].result.candidate
        say("comparing \(candidate.way)")
        let answer = ask(candidate, .agreement)
        var lane = Lane(result: CandidateResult(candidate))
        if let failure = answer.failure {
            lane.result.refusal = "\(failure.statement)"
        } else if let found = answer.measurement {
            lane.result.agreement = found.agreement
            lane.result.peakBytes = found.peakBytes
            lane.result.refusal = refusal(candidate, &lane.result)
            lane.disagrees = lane.result.refusal != nil
        }
        lanes[index] = lane
        // Its session takes memory that others may need.
        if lane.result.refusal != nil { endProcess(of: candidate) }
    }

    // MARK: Attempts

    func ask(_ candidate: Candidate, _ question: AttemptSpec.MeasuredFiles.Question) -> AttemptResult {
        var files = files
        files.question = question
        files.rows = plan.comparedRows
        if let form = forms.first(where: { $0.form == candidate.form })?.model {
            files.model = form
            files.adapter = nil
        }
        let key = ProcessKey(candidate)
        let process = processes[key] ?? process(of: candidate)
        processes[key] = process
        let start = ContinuousClock.now
        let answer = load.measuring { process.execute(spec(candidate, .measure(files))) }
        if let machine = answer.machine, answer.failure == nil { machines.insert(machine) }
        if case .speed = question { spent += (ContinuousClock.now - start).seconds }
        note(answer)
        return answer
    }

    private func note(_ answer: AttemptResult) {
        if let failure = answer.failure, failure.kind == .cancelled || failure.kind == .stopped { ending = failure }
    }

    /// Executes an attempt that makes a form, or ranks its layers, in a process that ends with it.
    func ask(_ rewritten: AttemptSpec.RewrittenFiles) -> AttemptResult {
        var candidate = plan.original
        candidate.form = rewritten.form
        let start = ContinuousClock.now
        let answer = makeProcess(candidate).execute(spec(candidate, .rewrite(rewritten)))
        making += (ContinuousClock.now - start).seconds
        note(answer)
        return answer
    }

    private func process(of candidate: Candidate) -> any CandidateProcess {
        if candidate.sessions == 1 { return makeProcess(candidate) }
        return CandidateSessions((0..<candidate.sessions).map { _ in makeProcess(candidate) })
    }

    private func spec(_ candidate: Candidate, _ work: AttemptSpec.Work) -> AttemptSpec {
        var spec = template
        spec.work = work
        spec.execute(candidate, threads: candidate.threads)
        return spec
    }

    /// The seconds that one attempt may take; nil where they are not bounded.
    var secondsForOne: Double? { template.limits.seconds }

    func isRunning(_ candidate: Candidate) -> Bool { processes[ProcessKey(candidate)] != nil }

    func endProcess(of candidate: Candidate) { processes[ProcessKey(candidate)] = nil }

    // MARK: The machine

    /// The clock says what a user waits for; where other work takes more than a tenth of the processors, it says little.
    var measure: TimeMeasure { load.share > 0.1 ? .processor : .clock }
    private let load = OtherLoad()

    func say(_ step: String) {
        tell(MeasuringProgress(step: step, share: min(spent / plan.budget, 1)))
    }
}
