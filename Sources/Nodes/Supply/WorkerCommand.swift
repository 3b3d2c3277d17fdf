import Arrivals
import PipelineConfig

/// Writes the command line of a worker that somebody else starts.
package struct WorkerCommand: Sendable, Equatable {
    /// The path of the program `millrace`, which must be the same on every machine.
    package let program: String
    /// The folder on the shared file system where the worker finds the daemon's address and the token.
    package let folder: String
    /// The time without work after which the worker ends.
    package let idle: Duration
    /// The number of attempts that it executes at once; nil lets the worker decide by its processors.
    package let attempts: Int?

    /// Tells whether it joins only a daemon that speaks TLS.
    package let requiresTLS: Bool

    package init(program: String, folder: String, idle: Duration, attempts: Int?, requiresTLS: Bool = false) {
        self.requiresTLS = requiresTLS
        self.program = program
        self.folder = folder
        self.idle = idle
        self.attempts = attempts
    }

    /// Returns the line as a shell reads it.
    /// - Parameters:
    ///   - name: what the worker calls itself when it joins, as a word for that shell.
    ///   - stays: whether it goes on without work until it is told to end.
    func line(name: String, stays: Bool) -> String {
        var words = [program, "worker", "--join", folder]
        if !stays { words += ["--idle", "\(Int(idle.seconds.rounded(.up)))s"] }
        if let attempts { words += ["--workers", "\(attempts)"] }
        if requiresTLS { words.append("--tls") }
        return words.map(ShellWord.quoted).joined(separator: " ") + " --name " + name
    }
}
