import Foundation

/// The most memory that something takes. It is measured in a process of its own, which is this test program, told to run one test: what
/// other tests had before is not in it.
package struct PeakMemory: Sendable {
    private let variable: String
    private let test: String

    /// - Parameter test: `Target.Suite/test`, by which the program finds the test that does the work, as the one with this name.
    package init(test: String) {
        self.test = test
        variable = "MILLRACE_MEMORY_TASK_" + test.filter { $0.isLetter }.uppercased()
    }

    /// What a child is told to do; nil in the parent.
    package var task: [String]? { ProcessInfo.processInfo.environment[variable].map { $0.components(separatedBy: "\u{1F}") } }

    /// The peak of a process (`VmHWM`) that does `task`, in bytes; of one that failed the largest number there is.
    package func measure(_ task: [String]) throws -> Int {
        let directory = try TemporaryDirectory("peak")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            Array(CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("--filter") && !$0.hasPrefix("--skip") }) + ["--filter", test]
        // With an arena for each thread, the peak is also by how threads happened to take turns: each arena keeps what was freed into it.
        process.environment = ProcessInfo.processInfo.environment.merging(
            [variable: task.joined(separator: "\u{1F}"), variable + "_ANSWER": directory("peak"), "MALLOC_ARENA_MAX": "1"]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard let text = try? String(contentsOfFile: directory("peak"), encoding: .utf8), let kibibytes = Int(text) else { return .max }
        return kibibytes * 1024
    }

    /// Said by the child when it is done.
    package func report() throws {
        guard let path = ProcessInfo.processInfo.environment[variable + "_ANSWER"] else { return }
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        try String(line.filter(\.isNumber)).write(toFile: path, atomically: true, encoding: .utf8)
    }
}
