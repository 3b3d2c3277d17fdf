import Foundation
import PipelineConfig
import TestSupport
import Testing

@testable import Nodes

/// A supply on a real Slurm, with a script in place of the worker. Its own `squeue` says what is there.
@Suite(.serialized, .enabled(if: SlurmCluster.missing == nil, "\(SlurmCluster.missing ?? "")")) struct SlurmSupplyTests {
    /// Files one by one have one worker, which ends by itself when they end.
    @Test func aTrickleHasOneJob() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...4)
        let supplier = scene.supplier(supply)
        defer { supplier.stop() }
        for _ in 0..<50 {
            scene.wait(1)
            if scene.worker.joined.isEmpty { #expect(eventually { !scene.worker.joined.isEmpty }) }
            usleep(50_000)
            scene.wait(0, isBusy: true)
            usleep(50_000)
        }
        scene.wait(0)
        #expect(scene.calls(of: "sbatch") == 1)
        #expect(try eventually { try supply.look().isEmpty } && scene.worker.joined == [])
        #expect(scene.calls(of: "sbatch") == 1 && scene.calls(of: "scancel") == 0 && supplier.status.fault == nil)
    }

    @Test func aBurstHasOneArray() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...3)
        let supplier = scene.supplier(supply)
        defer { supplier.stop() }
        scene.wait(100, each: 10)
        #expect(eventually { scene.worker.joined.count == 3 })
        let jobs = Set(scene.worker.joined.map { $0.split(separator: "_")[0] })
        #expect(scene.calls(of: "sbatch") == 1 && jobs.count == 1)
        #expect(eventually { supplier.status.joined == 3 } && supplier.status.starting == 0)
        // There are as many as there may be, however much waits.
        sleep(3)
        #expect(try supply.look().count == 3 && scene.calls(of: "sbatch") == 1)
        scene.wait(0)
        #expect(eventually { scene.worker.joined.isEmpty })
    }

    /// Four of twelve have room; the others are taken back when nothing waits any more, and those that run end by themselves.
    @Test func whatHasNotBegunIsTakenBack() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...12)
        let supplier = scene.supplier(supply)
        defer { supplier.stop() }
        scene.wait(100, each: 10)
        #expect(eventually { supplier.status.queued == 8 && supplier.status.joined == 4 }, "\(supplier.status)")
        #expect(eventually { supplier.status.description == "4 joined, 8 in the queue (Resources)" }, "\(supplier.status)")
        scene.wait(0, isBusy: true)
        #expect(try eventually { try supply.look().count == 4 } && scene.worker.joined.count == 4)
        #expect(eventually { supplier.status.description == "4 joined" }, "\(supplier.status)")
        #expect(scene.calls(of: "scancel") == 1)
        scene.wait(0)
        #expect(try eventually { try supply.look().isEmpty && scene.worker.joined.isEmpty })
        #expect(scene.lines.contains("Slurm: 8 workers are taken back, since nothing waits"), "\(scene.lines)")
    }

    /// A daemon that stops takes back what has not begun.
    @Test func aStopTakesBackWhatHasNotBegun() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...8)
        let supplier = scene.supplier(supply)
        scene.wait(100, each: 10)
        #expect(eventually { supplier.status.queued == 4 && supplier.status.joined == 4 })
        supplier.stop()
        let later = scene.supply(0...8)
        #expect(try eventually { try later.look().allSatisfy { $0.state == .running } })
        scene.wait(0)
        #expect(try eventually { try later.look().isEmpty })
    }

    /// A daemon that is started again knows the workers of the one before, and those of nobody else.
    @Test func workersOfAnEarlierDaemonAreFound() throws {
        let scene = try SlurmScene(), other = try SlurmScene()
        scene.wait(1)
        let started = try scene.supply(0...6).start(6, stays: false)
        #expect(started.count == 6)
        #expect(Set(try scene.supply(0...6).look().map(\.name)) == Set(started.map(\.name)))
        #expect(try other.supply(0...6).look() == [])
        scene.wait(100, each: 100)
        let supplier = scene.supplier(scene.supply(0...6))
        #expect(eventually { supplier.status.joined == 4 && supplier.status.queued == 2 }, "\(supplier.status)")
        #expect(scene.calls(of: "sbatch") == 1)
        scene.wait(0)
        supplier.stop()
        #expect(try eventually { try scene.supply(0...6).look().isEmpty })
    }

    // MARK: Faults

    /// While slurmctld is away nothing is started, and it goes on when it is back.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MILLRACE_CLUSTER"] != nil, "it takes more than a minute: make test-cluster"))
    func aControllerThatIsKilledAndComesBack() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...2)
        let supplier = scene.supplier(supply)
        defer { supplier.stop() }
        try scene.cluster.order("kill")
        scene.wait(100, each: 10)
        #expect(eventually(within: 90) { supplier.status.fault != nil })
        let fault = supplier.status.fault ?? ""
        #expect(fault.hasPrefix("Slurm: ") && fault.contains("slurm"), "\(fault)")
        #expect(scene.worker.joined == [])
        try scene.cluster.order("start")
        #expect(eventually(within: 120) { scene.worker.joined.count == 2 }, "\(supplier.status)")
        #expect(eventually { supplier.status.fault == nil } && scene.calls(of: "sbatch") <= 2)
        scene.wait(0)
        #expect(try eventually { try supply.look().isEmpty })
    }

    /// A controller that does not answer holds nobody up for longer than the limit, and a stop not even for that.
    @Test func aControllerThatHangs() throws {
        let scene = try SlurmScene()
        try scene.cluster.order("stop")
        let short = scene.supplier(scene.supply(0...2, limit: .seconds(2)))
        scene.wait(100, each: 10)
        #expect(eventually { short.status.fault?.contains("squeue was ended after 2 s without an answer") == true }, "\(short.status)")
        short.stop()
        let long = scene.supplier(scene.supply(0...2, limit: .seconds(600)))
        #expect(eventually { scene.calls(of: "squeue") >= 2 })
        long.stop()
        try scene.cluster.order("start")
        scene.wait(0)
    }

    @Test func aPartitionThatDoesNotExist() throws {
        let scene = try SlurmScene()
        let supplier = scene.supplier(scene.supply(0...2) { $0.partition = "nope" })
        defer { supplier.stop() }
        scene.wait(10)
        #expect(eventually { supplier.status.fault?.contains("invalid partition specified: nope") == true }, "\(supplier.status)")
        #expect(supplier.status.description.contains("; next try in "))
    }

    @Test func aWorkerThatEndsBeforeItJoins() throws {
        let scene = try SlurmScene()
        scene.worker.make("broken")
        let supplier = scene.supplier(scene.supply(0...2))
        defer { supplier.stop() }
        scene.wait(10)
        #expect(
            eventually { supplier.status.fault?.contains("ended before it joined: no licence on this machine") == true },
            "\(supplier.status)")
        // After the pause it is tried again, and then it works.
        scene.worker.remove("broken")
        #expect(eventually(within: 60) { supplier.status.joined == 1 && supplier.status.fault == nil })
        scene.wait(0)
    }

    /// A job that runs and whose worker does not join is ended.
    @Test func aWorkerThatDoesNotJoin() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...1)
        scene.worker.make("deaf")
        let supplier = scene.supplier(supply, patience: .seconds(3))
        scene.wait(10)
        #expect(
            eventually {
                supplier.status.fault?.contains("has not joined in time; it was ended: the daemon cannot be reached") == true
            }, "\(supplier.status)")
        supplier.stop()
        #expect(try eventually { try supply.look().isEmpty })
        #expect(scene.calls(of: "sbatch") == 1)
    }

    // MARK: Words

    /// No name of a folder is taken for more by Slurm, or by the shell of the job.
    @Test func aFolderWithAnOddName() throws {
        let scene = try SlurmScene(folder: "it's 100%A of $HOME & `more`")
        let supply = scene.supply(0...1) {
            $0.options = ["--comment=$(touch /tmp/x); 'y'", "--mem=10M"]
            $0.time = .seconds(3600)
            $0.partition = "all"
        }
        scene.wait(1)
        let started = try supply.start(1, stays: false)
        #expect(eventually { scene.worker.joined == Set(started.map(\.name)) })
        scene.wait(0)
        #expect(FileManager.default.fileExists(atPath: scene.worker.folder + "/slurm-\(started[0].name).out"))
        #expect(try eventually { try supply.look().isEmpty })
        // What has ended by itself can be ended again.
        try supply.end(started.map(\.name), isUnneeded: true)
        try supply.end(started.map(\.name) + ["999999_1"], isUnneeded: false)
    }

    /// A task that has begun meanwhile goes on when those that wait are taken back.
    @Test func whatHasBegunIsNotTakenBack() throws {
        let scene = try SlurmScene(), supply = scene.supply(0...1)
        scene.wait(1)
        let names = try supply.start(1, stays: false).map(\.name)
        #expect(eventually { scene.worker.joined == Set(names) })
        try supply.end(names, isUnneeded: true)
        sleep(2)
        #expect(try supply.look().map(\.state) == [.running])
        try supply.end(names, isUnneeded: false)
        #expect(try eventually { try supply.look().isEmpty && scene.worker.joined.isEmpty })
    }
}
