import Foundation
import TestSupport
import Testing

/// A daemon that executes nothing itself and has its workers started by a real Slurm: `millrace worker` on two nodes, which are this
/// machine. `SlurmDaemonTests` has more of that.
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
}
