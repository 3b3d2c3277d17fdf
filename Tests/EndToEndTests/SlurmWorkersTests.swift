import Foundation
import TestSupport
import Testing

/// A daemon that executes nothing itself and has its workers started by a real Slurm: `millrace worker` on two nodes, which are this
/// machine.
@Suite(.serialized, .enabled(if: SlurmCluster.missing == nil, "\(SlurmCluster.missing ?? "")")) struct SlurmWorkersTests {
    private func world(_ executor: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("slurm-workers")
        try daemon.root.write(scoringPipeline, to: "pipelines/p.yaml")
        try daemon.root.write("workers: 0\nwork: work\nexecutor:\n\(executor)\n", to: "millrace.yaml")
        daemon.environment["SLURM_CONF"] = try SlurmCluster.shared.get().configuration
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        return daemon
    }

    private func outputs(of daemon: DaemonProcess) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: daemon.root("out/outputs"))) ?? []).count { $0.hasSuffix(".csv") }
    }

    private func asked(in daemon: DaemonProcess) -> Int { daemon.logText.split(separator: "\n").count { $0.contains("asked for") } }

    /// The model and 50 files, one after another, are executed by one worker of one job; it ends by itself, and another comes when there is
    /// work again.
    @Test func aTrickleHasOneJob() throws {
        let daemon = try world("  idle: 5s\n  slurm: { workers: 0..4, partition: all }")
        try daemon.start()
        defer { daemon.stop() }
        for number in 0..<50 {
            try daemon.drop(Array("id,x\na,\(number)\n".utf8), at: "spool/data/\(number).csv")
            usleep(100_000)
        }
        #expect(eventually(within: 90) { outputs(of: daemon) == 50 }, "\(outputs(of: daemon)) \(daemon.logText)")
        for number in 0..<50 { #expect(try daemon.root.read("out/outputs/\(number).csv") == Array("id,y\na,\(number + 1).0\n".utf8)) }
        #expect(asked(in: daemon) == 1, "\(daemon.logText)")
        let files = { try FileManager.default.contentsOfDirectory(atPath: daemon.root("work/workers")).filter { $0.hasPrefix("slurm-") } }
        #expect(try files().count == 1)
        // The worker has ended by itself, and nothing was asked for meanwhile.
        usleep(9_000_000)
        try daemon.drop(Array("id,x\na,100\n".utf8), at: "spool/data/again.csv")
        #expect(eventually(within: 60) { outputs(of: daemon) == 51 }, "\(daemon.logText)")
        #expect(asked(in: daemon) == 2, "\(daemon.logText)")
    }

    /// Workers outlive a daemon that is killed, and the next one has work for them before it asks for others.
    @Test func workersOutliveAKilledDaemon() throws {
        let daemon = try world("  idle: 30s\n  slurm: { workers: 0..4 }")
        try daemon.start()
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/1.csv")
        #expect(eventually(within: 60) { outputs(of: daemon) == 1 }, "\(daemon.logText)")
        daemon.kill()
        for number in 2..<10 { try daemon.drop(Array("id,x\na,\(number)\n".utf8), at: "spool/data/\(number).csv") }
        try daemon.start()
        defer { daemon.stop() }
        #expect(eventually(within: 60) { outputs(of: daemon) == 9 }, "\(outputs(of: daemon)) \(daemon.logText)")
        #expect(asked(in: daemon) == 1, "\(daemon.logText)")
    }

    /// Why nothing is executed stands in the status.
    @Test func whyThereAreNoWorkersIsInTheStatus() throws {
        let daemon = try world("  slurm: { workers: 0..4, partition: nope }")
        try daemon.start()
        defer { daemon.stop() }
        #expect(
            try eventually {
                try DaemonProcess.command(["status", "--root", daemon.root.path]).output.contains("invalid partition specified: nope")
            }, "\(daemon.logText)")
    }
}
