import Arrivals
internal import Names

/// What one watched directory is known by while it is watched. Only files that are not settled stand here one by one.
final class Spool {
    struct Pending {
        var settling: Settling
        /// The earliest time for which it stands in the queue of due files.
        var scheduled: Duration?
        /// Found by a scan whose end is still to be reported.
        var isBacklog: Bool
        /// Whether `SpoolEvent.foreign` was sent for the file.
        var isToldForeign = false
    }

    let slot: Int
    let directory: SpoolDirectory
    let admission: Admission
    /// Whether files may stand here that are the external data of models.
    let mayHoldModels: Bool
    /// The directory with its links resolved, while it is attached.
    var root: String?
    var identity: FileStamp?
    /// nil until the first try.
    var isHealthy: Bool?
    var retryAt: Duration?
    /// Whether inotify tells everything that happens here.
    var isTrusted = false
    var usesInotify = false
    var tokens: NameMap<Int> = [:]
    var pending: NameMap<Pending> = [:]
    /// Directories, relative to the spool, that cannot be listed or looked into, and why: they are tried again.
    var blocked: NameMap<String> = [:]
    var unblockAt: Duration = .zero
    var unblockPause: Duration = .zero
    var untaken = UntakenFiles()
    /// Those that a scan found and that only wait for their quiet time.
    var found = FoundFiles()

    func isSettling(_ path: String) -> Bool { pending[path] != nil || found.contains(path) }

    init(slot: Int, directory: SpoolDirectory) {
        self.slot = slot
        self.directory = directory
        admission = Admission(include: directory.include, ignoresSuffixCase: directory.ignoresSuffixCase)
        mayHoldModels = directory.order == 0 && admission.mayAdmit(suffix: ".onnx")
    }

    func path(of relative: String) -> String { relative.isEmpty ? root ?? "" : (root ?? "") + "/" + relative }

    static func join(_ directory: String, _ name: String) -> String { directory.isEmpty ? name : directory + "/" + name }

    /// `path` itself and everything below it.
    static func isWithin(_ path: String, _ directory: String) -> Bool {
        directory.isEmpty || path.isName(directory)
            || (path.utf8.starts(with: directory.utf8) && path.utf8.dropFirst(directory.utf8.count).first == 0x2F)
    }

    static func split(_ path: String) -> (directory: String, name: Substring) {
        guard let slash = path.utf8.lastIndex(of: 0x2F) else { return ("", path[...]) }
        return (String(path[..<slash]), path[path.utf8.index(after: slash)...])
    }
}
