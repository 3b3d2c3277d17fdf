import Foundation

/// Finds the program that computes.
package enum WorkerProgram {
    /// The environment variable that names another program.
    package static let variable = "MILLRACE_WORKER"
    private static let name = "millrace-worker"
    package static let missing = "the program \(name) is neither beside millrace nor in ../libexec: install millrace again."

    /// Returns the path of the program that the environment names. Otherwise it is `libexec/millrace-worker` beside the folder of this
    /// program, as it is installed, or in the folder of this program, as it is built; nil where it is in neither.
    package static func path(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        if let named = environment[variable], !named.isEmpty { return named }
        guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let folder = (own as NSString).deletingLastPathComponent
        return ["\(folder)/../libexec/\(name)", "\(folder)/\(name)"].first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
