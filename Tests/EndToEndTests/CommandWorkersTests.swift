import Foundation
import TestSupport
import Testing

/// A daemon that executes nothing itself and starts `millrace worker` by a command.
@Suite(.serialized) struct CommandWorkersTests {
    private func world(_ command: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess("command-workers")
        try daemon.root.write(scoringPipeline, to: "pipelines/p.yaml")
        try daemon.root.write("workers: 0\nwork: work\nexecutor: { command: \"\(command)\", workers: 0..2 }\n", to: "millrace.yaml")
        try daemon.drop(TinyModel.adding(1), at: "spool/models/m.onnx")
        try daemon.drop(Array("id,x\na,1\n".utf8), at: "spool/data/a.csv")
        return daemon
    }

    @Test func aCommandStartsAWorkerAndItEndsWithTheDaemon() throws {
        let daemon = try world("echo $$ > \(FileManager.default.temporaryDirectory.path)/worker-{n}-$PPID; exec {worker}")
        try daemon.start()
        let file = FileManager.default.temporaryDirectory.path + "/worker-1-\(daemon.process?.processIdentifier ?? 0)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect(
            eventually(within: 60) { (try? daemon.root.read("out/outputs/a.csv")) == Array("id,y\na,2.0\n".utf8) }, "\(daemon.logText)")
        let worker = try pid_t(String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines)) ?? 0
        #expect(worker > 0 && kill(worker, 0) == 0)
        #expect(daemon.stop() == 0)
        #expect(eventually { kill(worker, 0) != 0 })
    }

    @Test func whyACommandFailsIsInTheStatus() throws {
        let daemon = try world("echo node{n} is not reachable; exit 255; {worker}")
        try daemon.start()
        defer { daemon.stop() }
        #expect(
            try eventually {
                try DaemonProcess.command(["status", "--root", daemon.root.path]).output.contains("node1 is not reachable (status 255)")
            }, "\(daemon.logText)")
    }
}
