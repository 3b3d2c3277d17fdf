package import Attempts
import FileSystem
import Machine

/// Finds out how a model is executed on this machine: what was measured before is looked up, and what was not is measured and kept.
package struct ModelChoosing {
    private let template: AttemptSpec
    private let files: AttemptSpec.MeasuredFiles
    private let plan: MeasuringPlan
    private let store: ChoiceStore
    private let makeProcess: (Candidate) -> any CandidateProcess

    /// - Parameters:
    ///   - template: the spec of an attempt that scores the rows with the model as it is.
    ///   - files: the model, the rows, and the folder for the outputs that are compared with, which exists.
    ///   - makeProcess: starts the process of a candidate.
    package init(
        _ template: AttemptSpec, _ files: AttemptSpec.MeasuredFiles, _ plan: MeasuringPlan, kept store: ChoiceStore,
        process makeProcess: @escaping (Candidate) -> any CandidateProcess
    ) {
        self.template = template
        self.files = files
        self.plan = plan
        self.store = store
        self.makeProcess = makeProcess
    }

    /// Throws where the model cannot be run on the rows as it is, or where the engines cannot be asked.
    package func run() throws(Failure) -> DeploymentTable {
        let machines = try machines()
        if let kept = store.table(of: files.model.digest, plan.question, on: machines), kept.holds(for: files, plan),
            store.hasForm(of: kept)
        {
            return kept
        }
        var table = try ModelMeasuring(template, files, plan, process: makeProcess).run()
        FaultPoint.reach(.measureMeasured)
        do throws(FileSystemError) { try store.keepForm(of: &table) } catch { throw Failure(landing: error, place: files.reference) }
        FaultPoint.reach(.measureForm)
        // Where the disk is full, the next daemon measures again.
        try? store.keep(table, plan.question, on: machines)
        FaultPoint.reach(.measureKept)
        return table
    }

    /// Returns the machine, once for each engine that is tried, as a process of ours finds it.
    private func machines() throws(Failure) -> [AttemptMachine] {
        var spec = template
        var files = files
        files.question = .machines
        spec.work = .measure(files)
        let answer = makeProcess(plan.original).execute(spec)
        if let failure = answer.failure { throw failure }
        return answer.measurement?.machines ?? []
    }
}
