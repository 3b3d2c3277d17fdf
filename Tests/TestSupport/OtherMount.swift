import Foundation

/// A directory on another mount than the temporary directory, removed with the value; nil where this machine has none.
package final class OtherMount {
    package let path: String

    package static var isThere: Bool { (try? OtherMount()).flatMap { $0 } != nil }

    package init?() throws {
        let base = "/dev/shm"
        guard let here = try? FileManager.default.attributesOfItem(atPath: FileManager.default.temporaryDirectory.path),
            let there = try? FileManager.default.attributesOfItem(atPath: base),
            here[.systemNumber] as? Int != there[.systemNumber] as? Int
        else { return nil }
        path = base + "/millrace-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
