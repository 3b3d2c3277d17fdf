import Foundation
import PipelineConfig
import TestSupport
import Testing

@testable import Nodes

/// What `sbatch` is given, what `squeue` says, and what is done with the files of workers; without a Slurm.
@Suite struct SlurmWordsTests {
    private func supply(_ folder: String = "/mnt/work/workers", _ change: (inout SlurmSettings) -> Void = { _ in }) -> SlurmSupply {
        var settings = SlurmSettings(workers: 0...4)
        change(&settings)
        let worker = WorkerCommand(program: "/opt/millrace/bin/millrace", folder: folder, idle: .seconds(60), attempts: 2)
        return SlurmSupply(settings, worker: worker, identity: "abc-123;x")
    }

    @Test func submissions() {
        let words = supply {
            ($0.partition, $0.account, $0.constraint, $0.time) = ("short", "lab", "a&b", .seconds(93_784))
            ($0.cpus, $0.options) = (4, ["--qos=low"])
        }.submission(of: 3, stays: false)
        #expect(
            words == [
                "sbatch", "--parsable", "--no-requeue", "--array=1-3", "--job-name=millrace-abc123x",
                "--output=/mnt/work/workers/slurm-%A_%a.out", "--open-mode=append", "--chdir=/mnt/work/workers", "--nodes=1", "--ntasks=1",
                "--cpus-per-task=4", "--partition=short", "--account=lab", "--constraint=a&b", "--time=1-02:03:04", "--qos=low",
                "--wrap=exec /opt/millrace/bin/millrace worker --join /mnt/work/workers --idle 60s --workers 2 "
                    + "--name \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"",
            ])
        #expect(supply().submission(of: 1, stays: true).last?.contains("--idle") == false)
        #expect(supply("/a b/c'd").submission(of: 1, stays: false).last?.contains(" --join '/a b/c'\\''d' ") == true)
        #expect(supply("/50%").submission(of: 1, stays: false).contains("--output=/50%%/slurm-%A_%a.out"))
    }

    @Test func answersOfSqueue() {
        let said = """
            slurm_load_jobs: warning: something 5_1 RUNNING
            millrace-worker 5_1 RUNNING None
            millrace-worker 5_2 PENDING Resources
            millrace-worker 5_3 PENDING (ReqNodeNotAvail, UnavailableNodes:n1)
            millrace-worker 5_4 COMPLETING None
            millrace-worker 5_5 CONFIGURING None
            millrace-worker 6 RUNNING None
            millrace-worker 7_[1-3] PENDING Priority
            """
        #expect(
            SlurmSupply.workers(in: said) == [
                SuppliedWorker(name: "5_1", state: .running), SuppliedWorker(name: "5_2", state: .queued, note: "Resources"),
                SuppliedWorker(name: "5_3", state: .queued, note: "(ReqNodeNotAvail, UnavailableNodes:n1)"),
                SuppliedWorker(name: "5_5", state: .queued),
            ])
    }

    @Test(arguments: [("12_3", true), ("12", false), ("12_", false), ("_3", false), ("12_3_4", false), ("node1", false), ("1２_3", false)])
    func names(_ name: String, _ isTask: Bool) { #expect(supply().owns(name) == isTask) }

    @Test func statuses() {
        var status = SupplyStatus()
        #expect(status.description == "0 joined")
        (status.joined, status.starting, status.queued, status.note) = (3, 1, 2, "Priority")
        #expect(status.description == "3 joined, 1 starting, 2 in the queue (Priority)")
        (status.fault, status.retry) = ("Slurm: no", .milliseconds(19_200))
        #expect(status.description == "3 joined, 1 starting, 2 in the queue (Priority); Slurm: no; next try in 20 s")
    }

    // MARK: Outputs

    @Test func outputsOfWorkersGoInTime() throws {
        let directory = try TemporaryDirectory("outputs")
        let outputs = WorkerOutputs(folder: directory.path)
        let now = Date()
        func file(_ name: String, age: TimeInterval, bytes: Int = 3) throws {
            let path = try directory.write(String(repeating: "x", count: bytes), to: name)
            try FileManager.default.setAttributes([.modificationDate: now.addingTimeInterval(-age)], ofItemAtPath: path)
        }
        try file("slurm-1_1.out", age: 8 * 86_400)
        try file("slurm-1_2.out", age: 6 * 86_400)
        try file("token", age: 80 * 86_400)
        try file("slurm-2_1.out", age: 0, bytes: 2 << 20)
        outputs.prune(now: now)
        #expect(directory.files() == ["slurm-1_2.out", "slurm-2_1.out", "token"])
        #expect(try directory.read("slurm-2_1.out").isEmpty && directory.read("slurm-1_2.out").count == 3)
        for number in 0..<250 { try file("slurm-9_\(number).out", age: Double(number)) }
        outputs.prune(now: now)
        #expect(directory.files().count == 201 && directory.files().contains("slurm-9_100.out"))
    }

    @Test func lastWords() throws {
        let directory = try TemporaryDirectory("outputs")
        let outputs = WorkerOutputs(folder: directory.path)
        #expect(outputs.lastWords(of: "1_1") == "")
        try directory.write("one\ntwo\n\n three\nfour\n", to: "slurm-1_1.out")
        #expect(outputs.lastWords(of: "1_1") == "two; three; four")
        try directory.write(String(repeating: "y", count: 5000), to: "slurm-1_1.out")
        #expect(outputs.lastWords(of: "1_1").count == 300)
    }
}
