import ArgumentParser
import Foundation
import Reasons

/// What relative paths are relative to, and where `millrace.yaml` is looked for.
struct RootOption: ParsableArguments {
    @Option(name: .long, help: "What relative paths are relative to; ROOT/millrace.yaml holds the settings, ROOT/.millrace/ the ledger. Default: the current directory.")
    var root: String = "."

    /// Absolute, without `.` and `..`.
    var path: String { URL(fileURLWithPath: root).standardizedFileURL.path }
}

struct JSONFlag: ParsableArguments {
    @Flag(name: .long, help: "Print JSON for programs.")
    var json = false
}

struct ValuesFlag: ParsableArguments {
    @Flag(name: .long, help: "Leave out what cells of tables hold: it may be personal data.")
    var hideValues = false
}

/// The exit statuses of `run --once`, and of every command that judges.
enum ExitStatus {
    static let problems = ExitCode(1)
    static let badConfiguration = ExitCode(2)
    static let stillWaiting = ExitCode(3)
    static let locked = ExitCode(4)
    /// `optimize`: trained, and no better than its gate asks for.
    static let gate = ExitCode(5)
}

/// Ends the command with an operator's message on standard error.
@_disfavoredOverload
func fail(_ message: some CustomStringConvertible, _ code: ExitCode = .failure) -> ExitCode {
    FileHandle.standardError.write(Data("millrace: \(message.description.printable(keepingLines: true))\n".utf8))
    return code
}

/// As the other, of a literal: what is interpolated into it is escaped.
func fail(_ message: Printed, _ code: ExitCode = .failure) -> ExitCode {
    FileHandle.standardError.write(Data("millrace: \(message.text)\n".utf8))
    return code
}

/// Prints `value` as one JSON document with sorted keys.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
