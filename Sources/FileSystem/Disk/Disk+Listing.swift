import Glibc
package import SystemPackage

extension Disk {
    /// Returns the names in no order, without `.` and `..`; empty when there is no such directory.
    package static func names(in directory: FilePath) throws(FileSystemError) -> [FilePath.Component] {
        let entries: Entries
        do throws(Errno) { entries = try Entries(of: directory) } catch .noSuchFileOrDirectory { return [] } catch {
            throw Disk.error("list", directory, error)
        }
        var names: [FilePath.Component] = []
        while let entry = entries.next() { names.append(entry.name) }
        return names
    }

    /// Returns the names in an open directory as above.
    static func names(inOpen directory: FileDescriptor) throws(Errno) -> [String] {
        let entries = try Entries(ofOpen: directory)
        var names: [String] = []
        while let entry = entries.next() { names.append(entry.name.string) }
        return names
    }

    /// Returns the folders among the first `limit` names, and how many names were looked at. Links are no folders.
    package static func subfolders(of directory: FilePath, atMost limit: Int) throws(FileSystemError) -> (
        folders: [FilePath.Component], looked: Int
    ) {
        let entries: Entries
        do throws(Errno) { entries = try Entries(of: directory) } catch { throw Disk.error("list", directory, error) }
        var folders: [FilePath.Component] = []
        var looked = 0
        while looked < limit, let (name, type) = entries.next() {
            looked += 1
            guard type == DT_DIR || type == DT_UNKNOWN else { continue }
            if type == DT_UNKNOWN, try status(directory.appending(name))?.kind != .directory { continue }
            folders.append(name)
        }
        return (folders, looked)
    }

    /// Returns whether the directory holds nothing, or is not there. One that cannot be read counts as holding something.
    package static func isEmpty(directory: FilePath) -> Bool {
        do throws(Errno) { return try Entries(of: directory).next() == nil } catch { return error == .noSuchFileOrDirectory }
    }

    /// Reads the entries of an open directory, one after another.
    private struct Entries: ~Copyable {
        private let stream: OpaquePointer

        init(of directory: FilePath) throws(Errno) {
            guard let stream = directory.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
            self.stream = stream
        }

        /// Reads them from the first one on, whoever else reads the open directory.
        init(ofOpen directory: FileDescriptor) throws(Errno) {
            let own = openat(directory.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard own >= 0 else { throw Errno(rawValue: errno) }
            guard let stream = fdopendir(own) else {
                let code = errno
                Disk.close(FileDescriptor(rawValue: own))
                throw Errno(rawValue: code)
            }
            self.stream = stream
        }

        deinit { closedir(stream) }

        /// Returns the next name except `.` and `..`, with its type (`DT_DIR` and the like); nil at the end.
        func next() -> (name: FilePath.Component, type: Int)? {
            while let entry = readdir(stream) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { FilePath.Component(platformString: $0) }
                }
                if let name, name.kind == .regular { return (name, Int(entry.pointee.d_type)) }
            }
            return nil
        }
    }
}
