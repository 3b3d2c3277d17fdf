package import Foundation

/// The programs that were built beside the test bundle.
package enum BuiltProgram {
    package static func url(_ name: String) -> URL {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? Bundle.main
        let folder = bundle.bundleURL.deletingLastPathComponent()
        for candidate in [folder, URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()] {
            let program = candidate.appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: program.path) { return program }
        }
        return folder.appendingPathComponent(name)
    }

    package static var worker: String { url("millrace-worker").path }
}
