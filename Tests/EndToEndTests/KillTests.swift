import Foundation
import TestSupport
import Testing

/// SIGKILL at random moments under a mixed drop. Afterwards a script that shares no code with us judges the files, and another has read the
/// outputs all the while.
@Suite(.serialized) struct KillTests {
    private static let kills = 30

    @Test func killedThirtyTimesNothingIsLostDoubledOrSeenInPart() throws {
        let daemon = try DaemonProcess("kill")
        let root = daemon.root
        try root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 100ms }
            schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: { path: out/models, keep: 100 }, outputs: { path: out/outputs, format: csv } }
            on_error: { attempts: 100, backoff: 50ms }
            """, to: "pipelines/p.yaml")
        for folder in ["out/outputs", "out/models"] {
            try FileManager.default.createDirectory(atPath: root(folder), withIntermediateDirectories: true)
        }
        let reader = try oracle([
            "watch", "--outputs", root("out/outputs"), "--models", root("out/models"), "--stop", root("stop"), "--pause", "0.002",
        ])
        var generator = SeededGenerator(seed: 30)
        var dropped = 0
        for round in 0..<Self.kills {
            try daemon.start(["--jobs", "2"])
            for _ in 0..<Int.random(in: 4...12, using: &generator) {
                try drop(dropped, into: daemon, &generator)
                dropped += 1
                usleep(UInt32.random(in: 0...8_000, using: &generator))
            }
            if round % 5 == 0 { try daemon.drop(TinyModel.adding(Float(round + 1)), at: "spool/models/m\(round).onnx") }
            usleep(UInt32.random(in: 0...300_000, using: &generator))
            daemon.kill()
        }
        try daemon.start(["--jobs", "2"])
        let isDone = eventually(within: 120) { outputs(root).count == dropped }
        #expect(isDone, "\(outputs(root).count) outputs of \(dropped) inputs; \(daemon.logText.suffix(4000))")
        #expect(daemon.stop() == 0)
        try root.write("", to: "stop")
        reader.waitUntilExit()
        #expect(reader.terminationStatus == 0, "the concurrent reader saw something that it should not")

        let judge = try oracle([
            "check", "--root", root.path, "--pipeline", "p", "--spool", root("spool/data"), "--outputs", root("out/outputs"), "--models",
            root("out/models"), "--key", "id", "--staging", root(".millrace/staging/work"),
        ])
        judge.waitUntilExit()
        #expect(judge.terminationStatus == 0)
        for number in 0..<dropped {
            let text = String(decoding: try root.read("out/outputs/\(folder(number))f\(number).csv"), as: UTF8.self)
            let rows = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
            #expect(rows.map { String($0[0]) } == (0..<3).map { "f\(number)-\($0)" })
            // Whichever version scored it: y = x + a whole number, the same for every row.
            let addends = Set(rows.enumerated().map { Float($1[1])! - Float(number % 50) - Float($0) * 0.25 })
            #expect(addends.count == 1 && addends.allSatisfy { $0 >= 1 && $0 == $0.rounded() }, "\(text)")
        }
        let check = try DaemonProcess.command(["check", "--root", root.path])
        #expect(check.status == 0, "\(check.output) \(check.error)")
    }

    private func folder(_ number: Int) -> String { number % 4 == 0 ? "sub/" : "" }

    private func drop(_ number: Int, into daemon: DaemonProcess, _ generator: inout SeededGenerator) throws {
        let rows = "id,x\n" + (0..<3).map { "f\(number)-\($0),\(Float(number % 50) + Float($0) * 0.25)\n" }.joined()
        let path = "spool/data/\(folder(number))f\(number).csv"
        if Bool.random(using: &generator) {
            try daemon.drop(Array(rows.utf8), at: path)
        } else {
            try daemon.root.write(rows, to: path)
        }
    }

    private func outputs(_ root: TemporaryDirectory) -> [String] {
        root.files().filter { $0.hasPrefix("out/outputs/") && $0.hasSuffix(".csv") }
    }

    private func oracle(_ arguments: [String]) throws -> Process {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scripts/oracle-landing")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path] + arguments
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }
}
