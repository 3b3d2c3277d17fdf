import Foundation

/// A Slurm of two nodes with two processors each, on this machine: `Tests/Cluster/slurm.py`, which ends with this process.
package final class SlurmCluster: @unchecked Sendable {
    /// What is missing here, in words; nil where it can be started.
    package static let missing: String? = {
        let programs = ["munged", "slurmctld", "slurmd", "sbatch"].filter { name in
            !["/usr/sbin/", "/usr/bin/", "/usr/local/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
        }
        return programs.isEmpty ? nil : "Slurm is not installed here (\(programs.joined(separator: ", ")) missing): Scripts/cluster-tools"
    }()

    /// A cluster for tests that take what room there is on it. Those that count its processors, or have its controller killed, start their own.
    package static let shared = Result { try SlurmCluster() }

    private let process = Process()
    private let input = Pipe(), output = Pipe()
    package let configuration: String

    package init() throws {
        // The program removes it at its end, which is after this one's.
        let folder = FileManager.default.temporaryDirectory.path + "/millrace-slurm-\(UUID().uuidString.prefix(8))"
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", ProjectScript.repository + "/Tests/Cluster/slurm.py", folder]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        configuration = Self.line(of: output)
        struct NotStarted: Error {}
        if configuration.isEmpty { throw NotStarted() }
    }

    private static func line(of pipe: Pipe) -> String {
        var bytes: [UInt8] = []
        while let byte = try? pipe.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Has slurmctld killed (`kill`), stopped (`stop`), or brought back (`start`).
    package func order(_ word: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((word + "\n").utf8))
        _ = Self.line(of: output)
    }

    /// The words before each program of Slurm's, which also note in a file that it is called.
    package func launcher(log: String) -> [String] {
        ["env", "SLURM_CONF=\(configuration)", "CALLS=\(log)", "sh", "-c", "echo \"$0\" >>\"$CALLS\"; exec \"$0\" \"$@\""]
    }
}
