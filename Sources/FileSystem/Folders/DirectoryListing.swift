package import Glibc
package import SystemPackage

/// Reads the entries of one directory once.
package final class DirectoryListing {
    package struct Entry {
        /// The name; nil where its bytes are not UTF-8.
        package let name: String?
        /// The name for people, with invalid bytes replaced.
        package let shownName: String
        package let isDirectory: Bool
    }

    private let stream: OpaquePointer
    private let descriptor: CInt

    package init(path: String) throws(Errno) {
        let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        guard let stream = fdopendir(opened) else {
            let code = errno
            close(opened)
            throw Errno(rawValue: code)
        }
        self.stream = stream
        descriptor = opened
    }

    deinit { closedir(stream) }

    /// Calls `body` for the next entries except `.` and `..`, with a closure that returns the entry's status (of a link itself), so that an
    /// entry that nobody wants costs no `stat`.
    /// - Returns: whether there may be more.
    @discardableResult
    package func forEach(atMost limit: Int = .max, _ body: (Entry, _ status: () -> stat?) -> Void) -> Bool {
        for _ in 0..<limit {
            guard let pointer = readdir(stream) else { return false }
            let name = UnsafeRawPointer(pointer).advanced(by: MemoryLayout<dirent>.offset(of: \dirent.d_name)!)
                .assumingMemoryBound(to: CChar.self)
            let length = strlen(name)
            if name[0] == 0x2E, length == 1 || (length == 2 && name[1] == 0x2E) { continue }
            let bytes = UnsafeRawBufferPointer(start: name, count: length)
            let valid = String(validating: bytes, as: UTF8.self)
            var isDirectory = pointer.pointee.d_type == DT_DIR
            if pointer.pointee.d_type == DT_UNKNOWN {
                isDirectory = status(of: name).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
            }
            body(Entry(name: valid, shownName: valid ?? String(decoding: bytes, as: UTF8.self), isDirectory: isDirectory)) {
                status(of: name)
            }
        }
        return true
    }

    private func status(of name: UnsafePointer<CChar>) -> stat? {
        var status = stat()
        return fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
    }
}
