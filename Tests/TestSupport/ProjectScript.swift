import Foundation

/// The scripts in `Scripts/`, run to their end as a user would.
package enum ProjectScript {
    package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// - Parameter python: the interpreter, relative to the repository; left out: the one in the path.
    /// - Returns: its exit status, and what it said on both of its outputs.
    package static func run(_ name: String, _ arguments: [String], python: String? = nil) throws -> (status: Int32, said: String) {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: python.map { repository + "/" + $0 } ?? "/usr/bin/env")
        process.arguments = (python == nil ? ["python3"] : []) + ["\(repository)/Scripts/\(name)"] + arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }
}
