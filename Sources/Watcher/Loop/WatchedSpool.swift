import Arrivals
internal import FileSystem
internal import Glibc

/// Keeps one spool of a running watch: where it is, and which of its names nobody can or will read. Its files are in `UnsettledFiles`.
final class WatchedSpool {
    private struct Attachment {
        let root: String
        let identity: FileStamp
        let usesInotify: Bool
        /// Tells whether inotify reports everything that happens here.
        let isTrusted: Bool
    }

    /// The number of the spool in this watch, given once.
    let slot: Int
    let directory: SpoolDirectory
    let filter: NameFilter
    /// Tells whether files may be here that are the external data of models.
    let mayHoldModels: Bool
    var blocked = BlockedDirectories()
    var unmatched: UnmatchedFiles
    private var attachment: Attachment?
    /// Tells whether it could be attached; nil until the first try.
    private var isHealthy: Bool?

    init(slot: Int, directory: SpoolDirectory) {
        self.slot = slot
        self.directory = directory
        filter = NameFilter(include: directory.include, ignoresSuffixCase: directory.ignoresSuffixCase)
        mayHoldModels = directory.order == 0 && filter.mayTake(suffix: ".onnx")
        unmatched = UnmatchedFiles(delay: max(directory.settle.quiet, .seconds(1)))
    }

    var id: SpoolID { directory.id }
    var isAttached: Bool { attachment != nil }
    /// The directory with its links resolved; empty while the spool is not attached.
    var root: String { attachment?.root ?? "" }
    var usesInotify: Bool { attachment?.usesInotify ?? false }
    var isTrusted: Bool { attachment?.isTrusted ?? false }
    /// The order in which spools are scanned.
    var scanOrder: (order: Int, slot: Int) { (directory.order, slot) }

    func place(of relative: String) -> SpoolPlace { SpoolPlace(id, relative) }
    func path(of relative: String) -> String { relative.isEmpty ? root : root + "/" + relative }

    // MARK: Where it stands

    /// Finds the directory.
    func attach(hasInotify: Bool) throws(WatcherError) {
        guard let root = FoundEntry.realPath(directory.path), let identity = Self.identity(ofDirectory: root) else {
            let isMissing = errno == ENOENT || errno == ENOTDIR
            throw isMissing ? .missing(path: directory.path) : .cannotList(path: directory.path, errno: errno)
        }
        let isLocal = directory.watch == .auto ? Mount.of(root)?.isLocal ?? false : true
        let usesInotify = hasInotify && directory.watch != .poll
        attachment = Attachment(root: root, identity: identity, usesInotify: usesInotify, isTrusted: usesInotify && isLocal)
    }

    func detach() { attachment = nil }

    /// Tells whether its path leads to the directory that was attached. One above it may be moved without any event here, and a mount may
    /// come to lie over it.
    var isInPlace: Bool {
        guard let attachment else { return false }
        return FoundEntry.realPath(directory.path) == attachment.root && Self.identity(ofDirectory: attachment.root) == attachment.identity
    }

    private static func identity(ofDirectory path: String) -> FileStamp? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return TreeScan.identity(of: path)
    }

    // MARK: Its health

    /// Returns the event that reports the change where it was unhealthy.
    func becomeHealthy() -> SpoolEvent? {
        defer { isHealthy = true }
        return isHealthy == false ? .healthy(spool: id) : nil
    }

    /// Returns the event that reports the change where it was not unhealthy already.
    func becomeUnhealthy(_ reason: String) -> SpoolEvent? {
        defer { isHealthy = false }
        return isHealthy == false ? nil : .unhealthy(spool: id, reason: reason)
    }
}
