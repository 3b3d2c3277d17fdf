import Foundation
import PipelineConfig
import TestSupport

@testable import Nodes

/// A Slurm of two nodes with two processors each, on this machine: `Tests/Cluster/slurm.py`, which ends with this process.
final class SlurmCluster: @unchecked Sendable {
    /// What is missing here, in words; nil where it can be started.
    static let missing: String? = {
        let programs = ["munged", "slurmctld", "slurmd", "sbatch"].filter { name in
            !["/usr/sbin/", "/usr/bin/", "/usr/local/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
        }
        return programs.isEmpty ? nil : "Slurm is not installed here (\(programs.joined(separator: ", ")) missing): Scripts/cluster-tools"
    }()

    static let shared = Result { try SlurmCluster() }

    private let process = Process()
    private let input = Pipe(), output = Pipe()
    let configuration: String

    private init() throws {
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
    func order(_ word: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((word + "\n").utf8))
        _ = Self.line(of: output)
    }

    /// The words before each program of Slurm's, which also note in a file that it is called.
    func launcher(log: String) -> [String] {
        ["env", "SLURM_CONF=\(configuration)", "CALLS=\(log)", "sh", "-c", "echo \"$0\" >>\"$CALLS\"; exec \"$0\" \"$@\""]
    }
}

/// One root's supply on the cluster, its workers and its demand.
final class SlurmScene: @unchecked Sendable {
    let directory: TemporaryDirectory
    let cluster: SlurmCluster
    let worker: StandInWorker
    let identity = String(UUID().uuidString.filter { $0 != "-" }.prefix(12))
    private let lock = NSLock()
    private var demand = SupplyDemand()
    private var said: [String] = []

    init(folder: String = "workers") throws {
        directory = try TemporaryDirectory("supply")
        cluster = try SlurmCluster.shared.get()
        worker = try StandInWorker(in: directory, folder: folder)
    }

    func supply(_ workers: ClosedRange<Int>, limit: Duration = .seconds(30), _ change: (inout SlurmSettings) -> Void = { _ in })
        -> SlurmSupply
    {
        var settings = SlurmSettings(workers: workers)
        change(&settings)
        return SlurmSupply(
            settings, worker: worker.command(), identity: identity, launcher: cluster.launcher(log: directory("calls")), limit: limit)
    }

    func supplier(_ supply: any WorkerSupply, patience: Duration = .seconds(120)) -> Supplier {
        let say: @Sendable (String) -> Void = { [self] line in lock.withLock { said.append(line) } }
        let supplier = Supplier(supply, turn: .milliseconds(200), patience: patience, say: say) { [self] in
            lock.withLock {
                demand.joined = worker.joined
                demand.places = demand.joined.count
                return demand
            }
        }
        supplier.start()
        return supplier
    }

    /// - Parameter isBusy: whether workers have something to do; left out: whether something waits.
    func wait(_ waiting: Int, each seconds: Int = 1, isBusy: Bool? = nil) {
        lock.withLock {
            demand.waiting = waiting
            demand.expected = .seconds(waiting * seconds)
        }
        if isBusy ?? (waiting > 0) { worker.make("work") } else { worker.remove("work") }
    }

    var lines: [String] { lock.withLock { said } }

    func calls(of program: String) -> Int {
        ((try? String(contentsOfFile: directory("calls"), encoding: .utf8)) ?? "").split(separator: "\n").count { $0 == program }
    }
}
