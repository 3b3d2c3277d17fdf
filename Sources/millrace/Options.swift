import ArgumentParser
import Foundation
import Reasons
import Reports

/// The folder that relative paths are relative to, and in which `millrace.yaml` is looked for.
struct RootOption: ParsableArguments {
    @Option(
        name: .long,
        help: """
            What relative paths are relative to; ROOT/millrace.yaml holds the settings, ROOT/.millrace/ the ledger. Default: the current \
            directory.
            """,
        completion: .directory)
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

/// The exit statuses of every command.
enum ExitStatus {
    static let problems = ExitCode(1)
    static let badConfiguration = ExitCode(2)
    static let stillWaiting = ExitCode(3)
    static let locked = ExitCode(4)
    static let gate = ExitCode(5)

    /// The text at the end of every `--help`.
    static let help = """
        EXIT STATUS:
          0                       All is well.
          1                       Something failed, differs, or was quarantined or rejected by this call.
          2                       The command line, a pipeline file or millrace.yaml is wrong.
          3                       Something still settles or waits; or a daemon has not answered yet.
          4                       Another daemon works on this root.
          5                       optimize: what was trained does not pass its gate.
        """
}

/// Ends the command with an operator's message on standard error.
@_disfavoredOverload
func fail(_ message: some CustomStringConvertible, _ code: ExitCode = .failure) -> ExitCode {
    printError("millrace: \(message.description.printable(keepingLines: true))")
    return code
}

/// Prints a literal, in which interpolated values are escaped, and returns the exit code.
func fail(_ message: Printed, _ code: ExitCode = .failure) -> ExitCode {
    printError("millrace: \(message.text)")
    return code
}

/// Prints `value` as one JSON document with sorted keys.
func printJSON(_ value: some Encodable) throws { Swift.print(try value.json()) }
