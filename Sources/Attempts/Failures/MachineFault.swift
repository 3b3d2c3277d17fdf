import Glibc
package import SystemPackage

/// Tells which failed system calls are faults of the machine: the same call would succeed once somebody frees space, gives back a
/// permission, mounts the disk again or mends it. Every other failure is a matter of the call's own file.
package enum MachineFault {
    private static let ofFolders: Set<Int32> = [
        ENOSPC, EDQUOT, EROFS, EIO, EACCES, EPERM, EBUSY, EAGAIN, ENODEV, ENXIO, ENOTCONN, ESTALE, ETIMEDOUT, EHOSTDOWN, EHOSTUNREACH,
        ENETDOWN, ENETUNREACH, EREMOTEIO, EUCLEAN,
    ]
    /// The errors where a folder that is written to was renamed away, or is not mounted.
    private static let ofMissingFolders: Set<Int32> = [ENOENT, ENOTDIR]
    /// The errors where nothing at all can be opened.
    private static let ofProcess: Set<Int32> = [EMFILE, ENFILE, ENOMEM]

    /// Returns whether a folder is there; also true where that cannot be told now.
    package static func isThere(_ folder: FilePath) -> Bool {
        folder.withPlatformString { access($0, F_OK) } == 0 || !ofMissingFolders.contains(errno)
    }

    /// Returns the kind of a failure to write: all writes of the pipeline go to the same folders.
    package static func kind(writing code: Int32) -> Failure.Kind {
        ofFolders.contains(code) || ofMissingFolders.contains(code) || ofProcess.contains(code) ? .machine : .resource
    }

    /// Returns the kind of a failure to read one input: other inputs may be readable.
    package static func kind(reading code: Int32) -> Failure.Kind {
        if ofMissingFolders.contains(code) { return .inputGone }
        if ofProcess.contains(code) { return .machine }
        return ofFolders.contains(code) ? .unreadable : .resource
    }
}
