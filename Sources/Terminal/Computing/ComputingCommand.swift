package import ArgumentParser

/// Describes a command that computes. Both programs know its options, its help and what is wrong with a command line; `millrace` then hands
/// the command line over to `millrace-worker`, so that it needs neither the engine nor Arrow.
package protocol ComputingCommand: ParsableCommand {}

extension ComputingCommand {
    package func run() throws { try ComputingCommands.perform(self) }
}

package enum ComputingCommands {
    /// Performs a computing command. Each program sets it before it reads its command line.
    nonisolated(unsafe) package static var perform: (any ComputingCommand) throws -> Void = { command in
        fatalError("nothing performs \(type(of: command))")
    }
}
