import Foundation
import Reports
import Terminal
import WorkerProcesses

/// Has the program that computes take the place of this one, with the same command line.
enum WorkerHandover {
    static func now() throws -> Never {
        guard let program = WorkerProgram.path() else { throw fail(WorkerProgram.missing) }
        var words: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        execv(program, &words)
        throw fail("\(program) cannot be started: \(String(cString: strerror(errno))).")
    }
}
