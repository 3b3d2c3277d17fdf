import Foundation
import TestSupport
import Testing

/// A real daemon whose workers the real Slurm starts.
@Suite(.serialized, .enabled(if: SlurmCluster.missing == nil, "\(SlurmCluster.missing ?? "")")) struct SlurmDaemonTests {
    /// A daemon over a root of its own, which calls Slurm's programs by scripts that note it.
    private final class Scene {
        let root: TemporaryDirectory
        private let process = Process()
        private static let programs = ["sbatch", "squeue", "scancel"]

        /// - Parameter once: whether the daemon ends when all is done that is there.
        init(_ settings: String, once: Bool = false) throws {
            root = try TemporaryDirectory("slurm-root")
            let cluster = try SlurmCluster.shared.get()
            for program in Self.programs {
                try root.write("#!/bin/sh\necho \(program) >>'\(root("calls"))'\nexec /usr/bin/\(program) \"$@\"\n", to: "bin/" + program)
                chmod(root("bin/" + program), 0o755)
            }
            try root.write(settings, to: "millrace.yaml")
            try root.write(
                """
                name: p
                spool: { models: spool/models, data: spool/data }
                settle: { quiet: 200ms }
                schema: { key: [id], keep: [id] }
                stages: [ deserialize: {}, forward: {} ]
                land: { models: out/models, outputs: { path: out/outputs, format: csv } }
                """, to: "pipelines/p.yaml")
            try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
            try root.write("id,x\nr,1\n", to: "spool/data/first.csv")
            process.executableURL = BuiltProgram.url("millrace")
            process.arguments = ["run", "--root", root.path] + (once ? ["--once", "--wait", "60s"] : [])
            var environment = ProcessInfo.processInfo.environment
            environment["SLURM_CONF"] = cluster.configuration
            environment["PATH"] = root("bin") + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
            process.environment = environment
            process.standardInput = FileHandle.nullDevice
            try root.write("", to: "log")
            process.standardError = FileHandle(forWritingAtPath: root("log"))
            process.standardOutput = process.standardError
            try process.run()
        }

        deinit { stop() }

        func stop() {
            guard process.isRunning else { return }
            process.terminate()
            process.waitUntilExit()
        }

        /// Waits for the daemon to end, and returns its status.
        func ended() -> Int32 {
            process.waitUntilExit()
            return process.terminationStatus
        }

        func drop(_ text: String, _ name: String) throws {
            try root.write(text, to: "spool/data/." + name)
            guard rename(root("spool/data/." + name), root("spool/data/" + name)) == 0 else { throw CocoaError(.fileWriteUnknown) }
        }

        var outputs: Int { root.files().count { $0.hasPrefix("out/outputs/") && !$0.contains("_millrace") } }
        var log: String { (try? String(contentsOfFile: root("log"), encoding: .utf8)) ?? "" }

        func calls(of program: String) -> Int {
            ((try? String(contentsOfFile: root("calls"), encoding: .utf8)) ?? "").split(separator: "\n").count { $0 == program }
        }

        var status: String {
            let process = Process(), pipe = Pipe()
            process.executableURL = BuiltProgram.url("millrace")
            process.arguments = ["status", "--root", root.path]
            process.standardOutput = pipe
            guard (try? process.run()) != nil else { return "" }
            return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
    }

    private static let settings = """
        workers: 0
        executor:
          listen: "127.0.0.1:0"
          idle: 3s
          slurm: { workers: 0..2, time: 10m }
        """

    /// Fifty files, one by one, and one job for all of them, which ends when nothing comes any more; the next files have another.
    @Test func aTrickleCostsOneJob() throws {
        let scene = try Scene(Self.settings)
        for number in 0..<50 {
            try scene.drop("id,x\nr,\(number)\n", "\(number).csv")
            #expect(eventually { scene.outputs == number + 2 }, "\(scene.log)\n\(scene.status)")
        }
        #expect(scene.calls(of: "sbatch") == 1, "\(scene.log)")
        for number in 0..<50 {
            #expect(String(decoding: try scene.root.read("out/outputs/\(number).csv"), as: UTF8.self) == "id,y\nr,\(number + 1).0\n")
        }
        // What `status` shows is a second old, or more on a busy machine.
        #expect(eventually { scene.status.contains("supply: 1 joined") }, "\(scene.status)")
        #expect(eventually { scene.status.contains("supply: 0 joined") }, "\(scene.status)")
        #expect(scene.calls(of: "sbatch") == 1)
        try scene.drop("id,x\nr,7\n", "late.csv")
        #expect(eventually { scene.outputs == 52 }, "\(scene.log)")
        #expect(scene.calls(of: "sbatch") == 2)
    }

    /// `run --once` waits for the workers that its files need.
    @Test func onceWaitsForWorkers() throws {
        let scene = try Scene(Self.settings, once: true)
        #expect(scene.ended() == 0 && scene.outputs == 1, "\(scene.log)")
        #expect(scene.calls(of: "sbatch") == 1)
    }

    /// The partition does not exist: `status` says so, in Slurm's words, and nothing is lost.
    @Test func whatSlurmRefusesStandsInStatus() throws {
        let scene = try Scene(Self.settings.replacing("time: 10m", with: "time: 10m, partition: nowhere"))
        try scene.drop("id,x\na,1\n", "a.csv")
        #expect(eventually { scene.status.contains("nvalid partition") }, "\(scene.log)\n\(scene.status)")
        #expect(scene.outputs == 0)
    }
}
