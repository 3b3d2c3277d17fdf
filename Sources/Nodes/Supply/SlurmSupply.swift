import Arrivals
import FileSystem
import Foundation
import Glibc
package import PipelineConfig

/// Has Slurm start workers, as tasks of job arrays, with the programs that every user of Slurm has: `sbatch`, `squeue` and `scancel`.
///
/// Nothing is kept of jobs: those of an earlier daemon are found by the name that all jobs of a root have.
package final class SlurmSupply: WorkerSupply {
    package let label = "Slurm"
    package let workers: ClosedRange<Int>
    package let attempts: Int
    private let settings: SlurmSettings
    private let worker: WorkerCommand
    private let jobName: String
    private let outputs: WorkerOutputs
    private let launcher: [String]
    private let calls: ProgramCalls

    /// The most tasks of one array, and of one call that ends tasks. Slurm allows 1,001 by default.
    private static let largestArray = 1000
    /// What each line of `squeue` begins with, so that no warning is taken for one.
    private static let mark = "millrace-worker"

    /// - Parameters:
    ///   - worker: the command line of a worker; its folder also gets what workers print.
    ///   - identity: what tells this root from all others and stays the same: letters and digits.
    ///   - launcher: the words before each program of Slurm's.
    package init(
        _ settings: SlurmSettings, worker: WorkerCommand, identity: String, launcher: [String] = [], limit: Duration = .seconds(30)
    ) {
        self.settings = settings
        self.worker = worker
        self.launcher = launcher
        (workers, attempts) = (settings.workers, worker.attempts ?? settings.cpus)
        jobName = "millrace-" + identity.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        outputs = WorkerOutputs(folder: worker.folder)
        calls = ProgramCalls(limit: limit)
    }

    /// Returns whether the name is that of a task: the number of its job, and its own.
    package func owns(_ name: String) -> Bool { Self.isTask(name) }

    private static func isTask(_ name: some StringProtocol) -> Bool {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    package func note(joined: Set<String>) {}

    package func start(_ count: Int, stays: Bool) throws(SupplyError) -> [SuppliedWorker] {
        outputs.prune()
        let count = min(count, Self.largestArray)
        let said = try calls.run(launcher + submission(of: count, stays: stays), "sbatch")
        // The number of the job, and in some places a semicolon and the name of the cluster.
        let answer = said.split(whereSeparator: \.isNewline).compactMap { $0.split(separator: ";").first }.last { Int($0) != nil }
        guard let job = answer else { throw .unreadable("sbatch", ProgramCalls.end(of: said)) }
        return (1...count).map { SuppliedWorker(name: "\(job)_\($0)", state: .queued) }
    }

    /// Returns the call of `sbatch`. No shell reads it; that of the job reads only the line of the worker.
    func submission(of count: Int, stays: Bool) -> [String] {
        var words = ["sbatch", "--parsable", "--no-requeue", "--array=1-\(count)", "--job-name=\(jobName)"]
        words += ["--output=\(outputs.pattern)", "--open-mode=append", "--chdir=\(worker.folder)"]
        words += ["--nodes=1", "--ntasks=1", "--cpus-per-task=\(settings.cpus)"]
        if let partition = settings.partition { words.append("--partition=\(partition)") }
        if let account = settings.account { words.append("--account=\(account)") }
        if let constraint = settings.constraint { words.append("--constraint=\(constraint)") }
        if let time = settings.time { words.append("--time=\(Self.time(time))") }
        words += settings.options
        // The shell puts in the task's own numbers.
        let name = "\"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\""
        return words + ["--wrap=exec " + worker.line(name: name, stays: stays)]
    }

    /// Returns a time as Slurm reads it, such as `1-02:00:00`.
    static func time(_ time: Duration) -> String {
        let seconds = Int(time.seconds.rounded(.up))
        func digits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds / 86_400)-\(digits(seconds / 3600 % 24)):\(digits(seconds / 60 % 60)):\(digits(seconds % 60))"
    }

    package func look() throws(SupplyError) -> [SuppliedWorker] {
        let format = "--format=\(Self.mark) %i %T %r"
        let words = ["squeue", "--noheader", "--array", "--name=\(jobName)", "--user=\(getuid())", format]
        return Self.workers(in: try calls.run(launcher + words, "squeue"))
    }

    /// Returns the workers that `squeue` lists, without those that are ending.
    static func workers(in said: String) -> [SuppliedWorker] {
        said.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.split(separator: " ", maxSplits: 3)
            guard words.count >= 3, words[0] == mark, isTask(words[1]) else { return nil }
            let state: SuppliedWorker.State
            switch words[2] {
            case "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT": state = .queued
            case "RUNNING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT": state = .running
            default: return nil
            }
            let note = words.count > 3 && words[3] != "None" ? words[3].trimmingCharacters(in: .whitespaces) : ""
            return SuppliedWorker(name: String(words[1]), state: state, note: note)
        }
    }

    package func end(_ names: [String], isUnneeded: Bool) throws(SupplyError) {
        for start in stride(from: 0, to: names.count, by: Self.largestArray) {
            let some = names[start..<min(start + Self.largestArray, names.count)]
            let words = ["scancel"] + (isUnneeded ? ["--state=PENDING"] : []) + some
            do throws(SupplyError) { _ = try calls.run(launcher + words, "scancel") } catch {
                // A task that has ended by itself is what was wanted.
                guard case .failed(_, _, let said) = error, said.contains("Invalid job id") || said.contains("already completing")
                else { throw error }
            }
        }
    }

    package func lastWords(of name: String) -> String { outputs.lastWords(of: name) }

    package func stop() { calls.stop() }

    package func close() {}
}
