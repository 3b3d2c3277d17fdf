import Foundation
import Glibc
import TestSupport
import Testing

/// `millrace doctor` beside a daemon whose workers are confined.
@Suite struct DoctorTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        schema: { key: [id] }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        """

    private func told(_ daemon: DaemonProcess, _ options: [String] = []) throws -> (output: String, status: Int32) {
        let told = try DaemonProcess.command(["doctor", "--root", daemon.root.path] + options)
        return (told.output, told.status)
    }

    @Test func aRunningDaemonsWorkersAreCounted() throws {
        let daemon = try DaemonProcess("doctor")
        try daemon.root.write(Self.pipeline, to: "pipelines/p.yaml")
        try daemon.start(["--workers", "1"])
        defer { _ = daemon.stop() }
        let words = "has 1 worker processes, of which 1 are confined"
        #expect(try eventually(within: 60) { try told(daemon).output.contains(words) }, "\(daemon.logText)")
        let all = try told(daemon)
        #expect(all.status == 0, "\(all.output)")
        chmod(daemon.root("spool"), 0o777)
        let open = try told(daemon)
        #expect(open.status == 1 && open.output.contains("MEND \(daemon.root("spool"))"), "\(open.output)")
        let json = try told(daemon, ["--json"])
        #expect(json.status == 1)
        #expect(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) is [String: Any])
    }
}
