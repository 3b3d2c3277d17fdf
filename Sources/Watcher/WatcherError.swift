internal import SystemPackage

/// Says why a directory cannot be watched by inotify, or cannot be listed at all.
package enum WatcherError: Error, Hashable, Sendable {
    /// The user's inotify watches are used up.
    case watchLimit(path: String)
    /// No inotify instance could be had.
    case noInstance(errno: CInt)
    /// The instance's descriptor is too high for the library's `select`.
    case descriptorTooHigh(CInt)
    case cannotWatch(path: String, errno: CInt)
    case cannotList(path: String, errno: CInt)
    case missing(path: String)
    case notADirectory(path: String)
}

extension WatcherError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .watchLimit(let path):
            "\(path): no inotify watch is left for this user, so it is polled. Raise the limit: sysctl fs.inotify.max_user_watches=1048576"
        case .noInstance(let errno):
            "inotify gave no instance (\(Errno(rawValue: errno))), so everything is polled. "
                + "Raise the limit: sysctl fs.inotify.max_user_instances=1024"
        case .descriptorTooHigh(let descriptor):
            "the inotify descriptor is \(descriptor), above the 1023 that libinotifytools can wait for, so everything is polled. "
                + "Start the watch before other files are opened"
        case .cannotWatch(let path, let errno):
            "\(path): cannot be watched (\(Errno(rawValue: errno)))"
        case .cannotList(let path, let errno):
            "\(path): cannot be listed (\(Errno(rawValue: errno))). Give the daemon's user read and search permission on it"
        case .missing(let path):
            "\(path): there is no such directory. Create it; it is taken up again by itself"
        case .notADirectory(let path):
            "\(path): not a directory. Point the pipeline's spool at a directory"
        }
    }
}
