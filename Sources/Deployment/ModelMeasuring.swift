import Arrivals
package import Attempts
import Machine
import PipelineConfig

/// Executes the attempts that measure one candidate, in a process of their own: engines keep threads spinning, and a candidate that crashes
/// must not cost others anything.
package protocol CandidateProcess: AnyObject {
    func execute(_ spec: AttemptSpec) -> AttemptResult
}

/// Measures a model in several ways of executing it, each in a process of its own, against each other.
///
/// First all engines run once over the same rows, and their outputs are compared with those of the original; those that do not agree are
/// left out. The others are timed in short bursts, in turns, so that what else happens on the machine meets all of them; those that are far
/// behind are left out early. Then the numbers of threads and rows are tried with the best engine and the original.
package final class ModelMeasuring {
    private let template: AttemptSpec
    private let files: AttemptSpec.MeasuredFiles
    private let plan: MeasuringPlan
    private let makeProcess: (Candidate) -> any CandidateProcess
    private let tell: (MeasuringProgress) -> Void
    private var processes: [ProcessKey: any CandidateProcess] = [:]
    private var machines: Set<AttemptMachine> = []
    private var lanes: [Lane] = []
    private var spent = 0.0

    /// Candidates that differ in the batch size alone share a process and its session.
    private struct ProcessKey: Hashable {
        let engine: EngineChoice
        let threads: Int
    }

    /// Holds a candidate and the times of its bursts.
    private struct Lane {
        var result: CandidateResult
        var clock: [Double] = []
        var processor: [Double] = []
    }

    /// - Parameters:
    ///   - template: the spec of an attempt that scores the rows with the model as it is: pipeline, schema, outputs.
    ///   - files: the model, the rows, and the folder for the outputs that are compared with, which exists.
    ///   - makeProcess: starts the process of a candidate.
    ///   - tell: is told of each step.
    package init(
        _ template: AttemptSpec, _ files: AttemptSpec.MeasuredFiles, _ plan: MeasuringPlan,
        process makeProcess: @escaping (Candidate) -> any CandidateProcess, tell: @escaping (MeasuringProgress) -> Void = { _ in }
    ) {
        self.template = template
        self.files = files
        self.plan = plan
        self.makeProcess = makeProcess
        self.tell = tell
    }

    /// Measures, and returns what came out. Throws where the model cannot be run as it is: then there is nothing to compare with.
    package func run() throws(Failure) -> DeploymentTable {
        let start = ContinuousClock.now
        try compare()
        time(lanes.indices.filter { lanes[$0].result.passes }, until: plan.budget * 0.6)
        addVariants()
        time(lanes.indices.filter { lanes[$0].result.passes && !isHopeless($0) }, until: plan.budget)
        let leftOut = plan.engines.leftOut.map { ("\($0.engine)", $0.reason) }
        return DeploymentTable(
            model: files.model.digest, machines: machines.sorted { "\($0)" < "\($1)" }, comparedRows: files.data == nil ? nil : compared,
            gate: plan.gate, measure: measure, seconds: (ContinuousClock.now - start).seconds,
            candidates: lanes.map(\.result), leftOut: Dictionary(leftOut, uniquingKeysWith: { first, _ in first }))
    }

    private var compared = 0

    // MARK: Outputs

    /// Runs each engine once over the rows, and compares what comes out.
    private func compare() throws(Failure) {
        for engine in plan.engines.tried {
            var candidate = plan.original
            candidate.engine = engine
            let isOriginal = lanes.isEmpty
            say("comparing \(engine)")
            let answer = ask(candidate, isOriginal ? .reference : .agreement)
            var lane = Lane(result: CandidateResult(candidate))
            if let failure = answer.failure {
                if isOriginal { throw failure }
                lane.result.refusal = "\(failure.statement)"
            } else if let found = answer.measurement {
                if isOriginal { compared = found.rows }
                lane.result.agreement = found.agreement
                lane.result.peakBytes = found.peakBytes
                if !isOriginal { lane.result.refusal = plan.gate.refusal(of: found.agreement) }
            }
            lanes.append(lane)
        }
    }

    // MARK: Times

    /// The seconds that a candidate runs before its turn ends.
    private var burst: Double { min(max(plan.budget / 60, 0.1), 1) }
    /// A candidate that needs so many times the time of the best is left out.
    private static let hopeless = 1.5
    private static let leastBursts = 3, mostBursts = 9

    /// Times candidates in turns until the budget is used, or each has had enough bursts.
    private func time(_ indices: [Int], until budget: Double) {
        var rounds = 0
        // One run of a large batch may take longer than a burst: then fewer bursts have to do.
        while rounds < Self.mostBursts, spent < budget || rounds < (isLate ? 1 : Self.leastBursts) {
            let running = indices.filter { lanes[$0].result.passes && (rounds < Self.leastBursts || !isHopeless($0)) }
            // One alone has nobody to be compared with.
            if running.count < 2, rounds >= Self.leastBursts { return }
            // Every other round goes the other way, so that nobody always comes after the same one.
            for index in rounds.isMultiple(of: 2) ? running : running.reversed() { timeOnce(index) }
            rounds += 1
        }
    }

    private func timeOnce(_ index: Int) {
        let candidate = lanes[index].result.candidate
        say("timing \(candidate)")
        // The first runs of a process lay out weights and take memory: they are not counted.
        if lanes[index].result.bursts == 0 { _ = ask(candidate, .speed(seconds: burst / 4)) }
        let answer = ask(candidate, .speed(seconds: burst))
        guard let found = answer.measurement, found.rows > 0, found.seconds > 0 else {
            lanes[index].result.refusal = answer.failure.map { "\($0.statement)" } ?? "it gave no answer"
            return
        }
        lanes[index].clock.append(found.seconds / Double(found.rows))
        lanes[index].processor.append(found.processorSeconds / Double(found.rows))
        lanes[index].result.bursts += 1
        lanes[index].result.rowsPerSecond = 1 / median(lanes[index].clock)
        lanes[index].result.processorMilliseconds = median(lanes[index].processor) * 1000
        lanes[index].result.peakBytes = max(lanes[index].result.peakBytes, found.peakBytes)
    }

    /// Adds other numbers of threads and rows, for the original and the fastest engine that passes.
    private func addVariants() {
        guard !isLate else { return }
        let passing = lanes.filter { $0.result.passes && $0.result.bursts > 0 }
        guard let best = passing.min(by: { time($0.result) < time($1.result) }) else { return }
        let engines = [lanes[0].result, best.result].reduce(into: [CandidateResult]()) { found, result in
            if !found.contains(where: { $0.candidate.engine == result.candidate.engine }) { found.append(result) }
        }
        for engine in engines {
            for threads in plan.threads {
                for batch in plan.batches {
                    let candidate = Candidate(engine.candidate.engine, threads: threads, batch: batch)
                    if lanes.contains(where: { $0.result.candidate == candidate }) || isTooLarge(batch, for: engine) { continue }
                    var result = CandidateResult(candidate)
                    result.agreement = engine.agreement
                    lanes.append(Lane(result: result))
                }
            }
        }
    }

    /// Tells whether measuring takes far longer than it may.
    private var isLate: Bool { spent > 2 * plan.budget + 1 }

    /// Returns whether one run of so many rows would take far longer than a burst.
    private func isTooLarge(_ batch: Int?, for engine: CandidateResult) -> Bool {
        guard let batch, let rate = engine.rowsPerSecond else { return false }
        return Double(batch) > rate * burst * 4
    }

    private func isHopeless(_ index: Int) -> Bool {
        guard lanes[index].result.bursts > 0, index > 0 else { return false }
        let best = lanes.filter { $0.result.passes && $0.result.bursts > 0 }.map { time($0.result) }.min() ?? 0
        return time(lanes[index].result) > best * Self.hopeless
    }

    private func time(_ result: CandidateResult) -> Double { result.time(by: measure) ?? .infinity }

    // MARK: The machine

    /// The clock says what a user waits for; where other work takes more than a tenth of the processors, it says little.
    private var measure: TimeMeasure { load.share > 0.1 ? .processor : .clock }
    private let load = OtherLoad()

    private func ask(_ candidate: Candidate, _ question: AttemptSpec.MeasuredFiles.Question) -> AttemptResult {
        let key = ProcessKey(engine: candidate.engine, threads: candidate.threads)
        let process = processes[key] ?? makeProcess(candidate)
        processes[key] = process
        var files = files
        files.question = question
        files.rows = plan.comparedRows
        var spec = template
        spec.work = .measure(files)
        spec.engine = candidate.engine
        spec.limits.threads = candidate.threads
        spec.stages = template.stages.map { stage in
            guard case .forward(let forward) = stage else { return stage }
            return .forward(ForwardStage(batchSize: candidate.batchSize, threads: candidate.threads, outputs: forward.outputs))
        }
        let start = ContinuousClock.now
        let answer = load.measuring { process.execute(spec) }
        if case .speed = question { spent += (ContinuousClock.now - start).seconds }
        if let machine = answer.machine, answer.failure == nil { machines.insert(machine) }
        return answer
    }

    private func say(_ step: String) {
        tell(MeasuringProgress(step: step, share: min(spent / plan.budget, 1)))
    }
}

/// Returns the median; of an even number of values, the lower of the two in the middle.
private func median(_ values: [Double]) -> Double { values.sorted()[(values.count - 1) / 2] }
