import Foundation
import TestSupport
import Testing

/// The program of `make torture-cluster`.
private enum ClusterTorture {
    /// Says what is missing here; nothing where a cluster can be tortured.
    static let missing = (try? run(["--missing"]).said) ?? "run Scripts/test-tools"

    static func run(_ arguments: [String]) throws -> (status: Int32, said: String) {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: ProjectScript.repository + "/.deps/oracle/bin/python")
        process.arguments = [ProjectScript.repository + "/Tests/Cluster/torture.py"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }
}

/// A sample of `make torture-cluster`: SIGKILLs of workers, of Slurm and of the daemon, and machines that are cut off and come back. A script
/// that shares no code with us makes them, and judges every file at the end (Tests/README.md).
@Suite(.serialized, .enabled(if: ClusterTorture.missing.isEmpty, "\(ClusterTorture.missing)")) struct ClusterTortureTests {
    @Test func killedAndCutOffNothingIsLostDoubledOrSeenInPart() throws {
        let strikes = ["--kills", "8", "--partitions", "1", "--quick", "--pace", "1"]
        let (status, said) = try ClusterTorture.run(["--millrace", DaemonProcess.binary.path, "--seed", "5"] + strikes)
        #expect(status == 0, "\(said.suffix(12_000))")
        for kind in ["lost", "doubled", "partial", "wrong"] { #expect(said.contains("| **\(kind)** | **0** |"), "\(kind)") }
    }
}
