import FileSystem
import Foundation
import SystemPackage
import TestSupport

/// A root with a spool.
struct Scene {
    let folder: TemporaryDirectory

    init(_ label: String) throws {
        folder = try TemporaryDirectory(label)
        try FileManager.default.createDirectory(atPath: spool.string, withIntermediateDirectories: true)
    }

    var spool: FilePath { FilePath(folder("root/spool")) }
}

func digest(_ text: String) -> String { FileDigest.of(bytes: text.utf8) }
