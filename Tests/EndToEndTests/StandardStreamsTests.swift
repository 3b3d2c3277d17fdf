import Foundation
import Glibc
import TestSupport
import Testing

@testable import Terminal

/// What cannot be logged costs lines, never the daemon; what cannot be printed makes a command fail.
@Suite(.serialized) struct StandardStreamsTests {
    private let root: TemporaryDirectory

    init() throws {
        root = try TemporaryDirectory("streams")
        try root.write(scoringPipeline, to: "pipelines/p.yaml")
    }

    /// Runs a shell command in which `$M` is the binary and `$R` the root.
    private func shell(_ command: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", command]
        process.environment = ProcessInfo.processInfo.environment.merging(["M": DaemonProcess.binary.path, "R": root.path]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root(path)) }

    @Test(arguments: ["2>/dev/full", "2>&-", "<&- >&- 2>&-", "2> >(head -n 1 >/dev/null)", "2> >(sleep 60)"])
    func aDaemonWhoseLogCannotBeWrittenWorks(_ stream: String) throws {
        // Enough lines to fill a pipe whose reader has stopped.
        for number in 0..<400 { try root.write("id,x\na,\(String(repeating: "w", count: 200))\n", to: "spool/data/bad\(number).csv") }
        let process = try shell("exec \"$M\" run \"$R/pipelines\" --root \"$R\" \(stream)")
        defer { kill(process.processIdentifier, SIGKILL) }
        #expect(eventually { exists("spool/models") })
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try root.write("id,x\na,1\n", to: "spool/data/a.csv")
        #expect(eventually(within: 60) { exists("out/outputs/a.csv") }, "\(stream)")
        #expect(process.isRunning)
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && process.terminationReason == .exit, "\(stream): \(process.terminationStatus)")
        // What is logged never lands in a file that was opened under the number of a closed stream.
        let check = try DaemonProcess.command(["check", "--root", root.path])
        #expect(check.status == 0, "\(check.output)\(check.error)")
    }

    /// A reader of the log that stops, and reads on: the lines that were lost are counted.
    @Test func lostLinesAreCounted() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let sink = LogSink(descriptor: ends[1], patience: 10)
        // More than a pipe holds, which is 64 KiB.
        let lines = (0..<400).map { "line \($0) " + String(repeating: "w", count: 400) + "\n" }
        for line in lines { sink.write(line) }
        func drain() -> String {
            var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
            var request = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            while poll(&request, 1, 100) > 0, case let count = read(ends[0], &buffer, buffer.count), count > 0 {
                bytes += buffer.prefix(count)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        let first = drain()
        #expect(lines.joined().hasPrefix(first) && !first.isEmpty && first.utf8.count < lines.joined().utf8.count)
        sink.write("later\n")
        let rest = drain()
        // A line that was cut counts as lost, and what follows begins on a line of its own.
        let isTorn = !first.hasSuffix("\n")
        let whole = first.split(separator: "\n", omittingEmptySubsequences: true).count - (isTorn ? 1 : 0)
        #expect(rest == (isTorn ? "\n" : "") + "millrace: \(400 - whole) lines of the log could not be written here\nlater\n")
    }

    @Test(arguments: ["status", "status --json", "runs", "events", "lint", "--help", "run --help", "models p", "check"])
    func aCommandThatCannotPrintFails(_ command: String) throws {
        try root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        usleep(300_000)
        #expect(try DaemonProcess.command(["run", "--once", "--wait", "30s", "--root", root.path]).status == 0)
        let place = command.hasSuffix("help") ? "" : "--root \"$R\""
        for stream in [">/dev/full", ">&-"] {
            let process = try shell("\"$M\" \(command) \(place) \(stream) 2>\"$R/said\"")
            process.waitUntilExit()
            let said = String(decoding: try root.read("said"), as: UTF8.self)
            #expect(
                process.terminationReason == .exit && process.terminationStatus == 1, "\(command) \(stream): \(process.terminationStatus)")
            #expect(said.contains("standard output cannot be written"), "\(command) \(stream): \(said)")
        }
        // Neither standard stream: no crash.
        let process = try shell("\"$M\" \(command) \(place) >/dev/full 2>&1")
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 1)
        let wrong = try shell("\"$M\" nonsense 2>/dev/full")
        wrong.waitUntilExit()
        #expect(wrong.terminationReason == .exit && wrong.terminationStatus == 2)
    }

    @Test(arguments: ["run", "status", "optimize", "explain"])
    func helpNamesTheExitStatuses(_ command: String) throws {
        let help = try DaemonProcess.command([command, "--help"])
        #expect(
            help.status == 0 && help.output.contains("EXIT STATUS:") && help.output.contains("5                       optimize"),
            "\(help.output)")
    }

    /// The operator's page has a word for every command.
    @Test func everyCommandIsDocumented() throws {
        let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: project.appendingPathComponent("Sources/millrace/README.md"), encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { $0.split(separator: "|")[0] }
        let words = Set(rows.flatMap { $0.split { !$0.isLetter } })
        let help = try DaemonProcess.command(["--help"]).output
        let commands = help.matches(of: #/(?m)^  ([a-z]+)  /#).map(\.1)
        #expect(commands.count > 20 && Set(commands).subtracting(words).isEmpty, "\(Set(commands).subtracting(words))")
    }
}
