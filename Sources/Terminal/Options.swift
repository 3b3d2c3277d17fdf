package import ArgumentParser
import Foundation
import Ledger
import PipelineConfig
package import Reasons
package import Reports

/// Names the folder that relative paths are relative to, and in which `millrace.yaml` is looked for.
package struct RootOption: ParsableArguments {
    @Option(
        name: .long,
        help: """
            What relative paths are relative to; ROOT/millrace.yaml holds the settings, ROOT/.millrace/ the ledger. Default: the current \
            directory.
            """,
        completion: .directory)
    package var root: String = "."

    package init() {}

    /// The absolute path, without `.` and `..`.
    package var path: String { URL(fileURLWithPath: root).standardizedFileURL.path }

    package var folder: RootFolder { RootFolder(path: path) }

    /// The text ` --root DIR` for commands that are shown; empty where the root is the default.
    package var asOption: String { root == "." ? "" : " --root \(root)" }
}

package struct JSONFlag: ParsableArguments {
    @Flag(name: .long, help: "Print JSON for programs.")
    package var json = false

    package init() {}
}

package struct ValuesFlag: ParsableArguments {
    @Flag(name: .long, help: "Leave out what cells of tables hold: it may be personal data.")
    package var hideValues = false

    package init() {}
}

/// Lists the exit statuses of every command.
package enum ExitStatus {
    package static let problems = ExitCode(1)
    package static let badConfiguration = ExitCode(2)
    package static let stillWaiting = ExitCode(3)
    package static let locked = ExitCode(4)
    package static let gate = ExitCode(5)

    /// The text at the end of every `--help`.
    package static let help = """
        EXIT STATUS:
          0                       All is well.
          1                       Something failed, differs, or was quarantined or rejected by this call.
          2                       The command line, a pipeline file or millrace.yaml is wrong.
          3                       Something still settles or waits; or a daemon has not answered yet.
          4                       Another daemon works on this root.
          5                       optimize: what was trained does not pass its gate.
        """
}

/// Prints a message for an operator on standard error, and returns the exit code, which the caller throws.
@_disfavoredOverload
package func fail(_ message: some CustomStringConvertible, _ code: ExitCode = .failure) -> ExitCode {
    printError("millrace: \(message.description.printable(keepingLines: true))")
    return code
}

/// Prints a reason with what cells hold, where it is told, and returns the exit code.
@_disfavoredOverload
package func fail(_ reason: Reason, _ code: ExitCode = .failure) -> ExitCode { fail(reason.sentence, code) }

/// Prints a literal, in which interpolated values are escaped, and returns the exit code.
package func fail(_ message: Printed, _ code: ExitCode = .failure) -> ExitCode {
    printError("millrace: \(message.text)")
    return code
}

/// Runs `body`. An error is printed in the words of the module that threw it, and thrown on as the command's exit code.
package func reportingErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let code as ExitCode {
        throw code
    } catch let error as LedgerError {
        if case .locked = error { throw fail(error, ExitStatus.locked) }
        throw fail(error)
    } catch let error as PipelineError {
        throw fail(error, ExitStatus.badConfiguration)
    } catch {
        throw fail("\(error)")
    }
}

/// Prints `value` as one JSON document with sorted keys.
package func printJSON(_ value: some Encodable) throws { Swift.print(try value.json()) }
