import FileSystem
import SystemPackage

/// Holds a folder open, so that its files are found although it gets another name.
final class HeldFolder: Sendable {
    private let descriptor: FileDescriptor

    init(_ path: FilePath) throws(FileSystemError) {
        descriptor = try Disk.open(path, .readOnly, .directory, doing: "open the folder of parts")
    }

    deinit { Disk.close(descriptor) }

    /// The path of the folder, whatever its name is. It is valid as long as this object.
    var path: FilePath { FilePath("/proc/self/fd/\(descriptor.rawValue)") }
}
