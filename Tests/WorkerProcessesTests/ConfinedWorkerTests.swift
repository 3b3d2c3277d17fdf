import AttemptSupport
import Attempts
import Foundation
import Glibc
import PipelineConfig
import TestSupport
import Testing

@testable import WorkerProcesses

/// What the kernel says of a worker process that has executed an attempt: it is confined, and has nothing open but its connections and what
/// it reads of the machine.
@Suite struct ConfinedWorkerTests {
    private func worker(_ confinement: ConfinementMode, _ body: (pid_t, TemporaryDirectory) throws -> Void) throws {
        let directory = try TemporaryDirectory("confined")
        let executor = ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20, confinement: confinement)
        // One file comes with the order, and of a large one the worker asks for the parts.
        for rows in [1, 40_000] {
            let text = "id,x\n" + (0..<rows).map { "r\($0),\($0)\n" }.joined()
            var spec = try Scoring.spec(rows: text, in: directory)
            if case .score(var files) = spec.work, rows > 1 {
                files.parts = directory("parts")
                spec.work = .score(files)
            }
            let result = executor.execute(spec, cancellation: AttemptCancellation())
            #expect(result.failure == nil && result.rowCount == Int64(rows), "\(String(describing: result.failure))")
        }
        try body(try #require(executor.fleet.idleProcesses.first), directory)
    }

    private func status(_ process: pid_t, _ key: String) throws -> String? {
        let lines = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8).split(separator: "\n")
        return lines.first { $0.hasPrefix(key + ":") }?.split(separator: "\t").last.map(String.init)
    }

    @Test func aWorkerIsConfined() throws {
        try worker(.auto) { process, directory in
            #expect(try status(process, "NoNewPrivs") == "1")
            #expect(try status(process, "Seccomp") == "2")
            let folder = "/proc/\(process)/fd"
            let open = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + $0)
            }
            let others = open.filter { name in
                !["/dev/null", "/memfd:output (deleted)", "/proc/cpuinfo", "/proc/meminfo"].contains(name) && !name.hasPrefix("socket:")
                    && !["statm", "status", "cgroup"].contains { name == "/proc/\(process)/\($0)" }
            }
            #expect(others.isEmpty, "\(others)")
            #expect(open.filter { $0.hasPrefix("socket:") }.count == 2)
            #expect(!open.contains { $0.contains(directory.path) })
        }
    }

    @Test func aWorkerIsNotWhereThatIsOff() throws {
        try worker(.off) { process, _ in
            let found = (try status(process, "NoNewPrivs"), try status(process, "Seccomp"))
            #expect(found == ("0", "0"))
        }
    }
}
