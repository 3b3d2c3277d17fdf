import FileSystem
internal import Logging
internal import Names
internal import SystemPackage

/// Directories that the machine does not let be looked into, and files that nothing takes: what the owner should know though no file is to
/// be told.
extension WatchLoop {
    // MARK: Directories that cannot be looked into

    /// Something below the directory was heard of and cannot be looked at: all of it is scanned again once it can be.
    func block(_ directory: String, of spool: Spool, _ reason: String) {
        let isNews = spool.blocked[directory] == nil
        spool.blocked[directory] = reason
        guard isNews else { return }
        spool.unblockPause = Self.retryInterval
        spool.unblockAt = now + Self.retryInterval
        nextHealth = min(nextHealth, spool.unblockAt)
        out.append(.blocked(directory: spool.directory.id, relativePath: directory, reason: reason))
    }

    func block(_ path: String, of spool: Spool, errno code: CInt) {
        let directory = Spool.split(path).directory
        block(directory, of: spool, WatcherError.cannotList(path: spool.path(of: directory), errno: code).description)
    }

    /// After a scan of everything below `top`: what failed, and nothing else there, is blocked.
    func setBlocked(below top: String, deep: Bool, of spool: Spool, to failed: NameMap<WatcherError>) {
        for directory in spool.blocked.keys
        where failed[directory] == nil && (deep ? Spool.isWithin(directory, top) : directory.isName(top)) {
            unblock(directory, of: spool)
        }
        for (directory, error) in failed { block(directory, of: spool, error.description) }
    }

    func unblock(_ directory: String, of spool: Spool) {
        guard spool.blocked.removeValue(forKey: directory) != nil else { return }
        out.append(.unblocked(directory: spool.directory.id, relativePath: directory))
    }

    func unblockAll(below top: String, of spool: Spool) {
        for directory in Array(spool.blocked.keys) where Spool.isWithin(directory, top) { unblock(directory, of: spool) }
    }

    /// Scans those again, less often the longer it takes: never more than a tenth of the time goes into it.
    func retryBlocked(of spool: Spool) {
        guard !spool.blocked.isEmpty, now >= spool.unblockAt else { return }
        let start = now
        defer {
            spool.unblockPause = min(spool.unblockPause * 2, Self.longestUnblockPause)
            spool.unblockAt = now + max(spool.unblockPause, (now - start) * 10)
        }
        for directory in Array(spool.blocked.keys) where spool.blocked[directory] != nil {
            if !directory.isEmpty, isGone(directory, of: spool) {
                drop(directory, of: spool)
            } else if !isScanned(spool, below: directory) {
                scan(spool, below: directory, isBacklog: true)
            }
        }
    }

    private static let longestUnblockPause: Duration = .seconds(10)

    private func isGone(_ directory: String, of spool: Spool) -> Bool {
        if case .missing = FoundEntry(path: spool.path(of: directory), root: spool.root ?? "") { true } else { false }
    }

    // MARK: Files that nothing takes

    /// Changes of what nothing takes are told once they have stood for a moment: a model's external data comes before the model.
    func untakenDue(of spool: Spool) -> Duration { now + max(spool.directory.settle.quiet, .seconds(1)) }

    func tellUntaken(always: Bool = false) {
        for spool in spools.values.sorted(by: { $0.slot < $1.slot }) {
            guard let due = spool.untaken.due, always || due <= now && !isScanned(spool, below: "") else { continue }
            spool.untaken.told()
            let companions = companionsOfModels(in: spool)
            let names = spool.untaken.paths.filter { !companions.contains($0) }
            out.append(
                .untaken(
                    directory: spool.directory.id, count: spool.untaken.count - (spool.untaken.paths.count - names.count),
                    first: Array(names.sorted { Name($0) < Name($1) }.prefix(Self.untakenShown))))
        }
    }

    private static let untakenShown = 20

    /// The external data of the models beside files that nothing takes.
    private func companionsOfModels(in spool: Spool) -> NameSet {
        var companions: NameSet = []
        guard spool.mayHoldModels, spool.root != nil else { return companions }
        var above: NameSet = []
        for path in spool.untaken.paths {
            var directory = path
            repeat {
                directory = Spool.split(directory).directory
                above.insert(directory)
            } while !directory.isEmpty
        }
        for directory in above {
            guard let listing = try? DirectoryListing(path: spool.path(of: directory)) else { continue }
            listing.forEach { entry, _ in
                guard let name = entry.name, !entry.isDirectory, Seal(name: name) == .onnx,
                    case .holds(let found) = Seal.check(path: spool.path(of: Spool.join(directory, name)))
                else { return }
                for companion in found { companions.insert(Spool.join(directory, companion)) }
            }
        }
        return companions
    }
}
