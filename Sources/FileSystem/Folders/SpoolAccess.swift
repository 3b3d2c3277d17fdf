import Glibc
package import SystemPackage

/// Reaches files beneath a spool, and nothing else. Even where somebody puts another thing in place of a name meanwhile, such as a symbolic
/// link to a file that only the daemon may read, no call here leads out of the folder. Links within the spool are followed, because sync
/// tools and Kubernetes use them.
package struct SpoolAccess: Hashable, Sendable {
    /// The folder. Links in its own path are followed, because they are the operator's.
    package let root: FilePath

    package init(root: FilePath) { self.root = root }

    private static let beneath: UInt64 = 0x08  // RESOLVE_BENEATH
    private static let noLinks: UInt64 = 0x04  // RESOLVE_NO_SYMLINKS
    private static let noMagicLinks: UInt64 = 0x02  // RESOLVE_NO_MAGICLINKS

    /// Returns the path of a file relative to the folder `spool`; nil where it does not lie there by its name. Paths are compared and cut
    /// as bytes, which takes a tenth of the time that characters take.
    package static func relative(_ path: String, to spool: String) -> FilePath? {
        let root = spool.hasSuffix("/") ? spool : spool + "/"
        guard path.utf8.starts(with: root.utf8) else { return nil }
        return FilePath(String(Substring(path.utf8.dropFirst(root.utf8.count))))
    }

    // MARK: Opening

    /// Opens a file for reading without waiting for a FIFO's writer. Throws `missing` where nothing is there, and `outsideSpool` where the
    /// name leads out of the spool.
    package func open(_ relative: FilePath) throws(FileSystemError) -> FileDescriptor {
        let folder = try rootDescriptor()
        defer { Disk.close(folder) }
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        do throws(FileSystemError) {
            return try openBeneath(relative, in: folder, flags: flags, followingLinks: true)
        } catch .outsideSpool {
            // A link may have an absolute path and lead into the spool all the same: it is resolved here, and then no link is followed any
            // more.
            guard let inside = try? resolved(relative) else { throw .outsideSpool(root.pushing(relative)) }
            return try openBeneath(inside, in: folder, flags: flags, followingLinks: false)
        }
    }

    /// Opens a folder of the spool that stands there itself, not behind a link.
    package func openFolder(_ relative: FilePath) throws(FileSystemError) -> FileDescriptor {
        let folder = try rootDescriptor()
        if relative.isEmpty { return folder }
        defer { Disk.close(folder) }
        return try openBeneath(relative, in: folder, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC, followingLinks: false)
    }

    private func rootDescriptor() throws(FileSystemError) -> FileDescriptor {
        try Disk.open(root, .readOnly, .directory, doing: "read")
    }

    /// Opens what is beneath `folder`, which is the spool and open.
    /// - Parameter followingLinks: whether links that lead to something beneath the folder are followed.
    func openBeneath(
        _ relative: FilePath, in folder: FileDescriptor, flags: Int32, followingLinks: Bool
    ) throws(FileSystemError) -> FileDescriptor {
        let resolve = Self.beneath | (followingLinks ? Self.noMagicLinks : Self.noLinks)
        let opened = relative.withPlatformString { LinuxCalls.openat2(folder.rawValue, $0, flags, resolve: resolve) }
        if opened >= 0 { return FileDescriptor(rawValue: opened) }
        let path = root.pushing(relative)
        switch Errno(rawValue: errno) {
        // ENOSYS comes from a kernel before 5.6, EPERM from a container's filter of system calls that is older than openat2(2).
        case .noFunction, .notPermitted: return try walk(relative, in: folder, flags: flags)
        // ELOOP means a link where none may be, or links without end.
        case .improperLink, .tooManySymbolicLinkLevels: throw .outsideSpool(path)
        case .noSuchFileOrDirectory, .notDirectory: throw .missing(path)
        case let failure: throw Disk.error("read", path, failure)
        }
    }

    /// Opens a path name by name and follows no link; `resolved` finds what a link within the spool leads to.
    func walk(_ relative: FilePath, in folder: FileDescriptor, flags: Int32) throws(FileSystemError) -> FileDescriptor {
        let path = root.pushing(relative)
        let names = Array(relative.components)
        guard names.allSatisfy({ $0.kind == .regular }) else { throw .outsideSpool(path) }
        var current = dup(folder.rawValue)
        for (index, name) in names.enumerated() where current >= 0 {
            let isLast = index == names.count - 1
            let next = name.withPlatformString {
                openat(current, $0, (isLast ? flags : O_RDONLY | O_DIRECTORY | O_CLOEXEC) | O_NOFOLLOW)
            }
            let code = errno
            close(current)
            errno = code
            current = next
        }
        if current >= 0 { return FileDescriptor(rawValue: current) }
        switch Errno(rawValue: errno) {
        case .tooManySymbolicLinkLevels: throw .outsideSpool(path)
        case .notDirectory where isLinked(relative): throw .outsideSpool(path)
        case .noSuchFileOrDirectory, .notDirectory: throw .missing(path)
        case let failure: throw Disk.error("read", path, failure)
        }
    }

    /// Returns whether a link is in the path: opened with `O_DIRECTORY`, a link only fails as something that is no directory.
    private func isLinked(_ relative: FilePath) -> Bool {
        var path = root
        for name in relative.components {
            path.append(name)
            if (try? Disk.status(path))??.kind == .link { return true }
        }
        return false
    }

    /// Returns where the name leads now, relative to the spool; nil where that is outside.
    private func resolved(_ relative: FilePath) throws(FileSystemError) -> FilePath? {
        var inside = try Disk.resolve(root.pushing(relative))
        return inside.removePrefix(try Disk.resolve(root)) && !inside.isEmpty ? inside : nil
    }
}

extension LinuxCalls {
    /// Has the layout of `struct open_how` of openat2(2).
    private struct OpenHow {
        var flags: UInt64
        var mode: UInt64 = 0
        var resolve: UInt64
    }

    private typealias Syscall = @convention(c) (Int, Int, UnsafePointer<CChar>, UnsafeRawPointer, Int) -> Int
    private static let syscallCall = dlsym(nil, "syscall").map { unsafeBitCast($0, to: Syscall.self) }
    private static let openat2Number = 437

    /// Calls openat2(2), for which glibc has no function.
    static func openat2(_ folder: Int32, _ path: UnsafePointer<CChar>, _ flags: Int32, resolve: UInt64) -> Int32 {
        guard let call = syscallCall else {
            errno = ENOSYS
            return -1
        }
        var how = OpenHow(flags: UInt64(UInt32(bitPattern: flags)), resolve: resolve)
        while true {
            let opened = call(openat2Number, Int(folder), path, &how, MemoryLayout<OpenHow>.size)
            // EAGAIN means that something was renamed while the kernel looked.
            if opened >= 0 || errno != EINTR && errno != EAGAIN { return Int32(opened) }
        }
    }
}
