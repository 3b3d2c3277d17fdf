import Arrivals
internal import FileSystem
internal import Glibc
internal import Logging
internal import Names

/// Directories: attached, walked, lost and found again.
extension WatchLoop {
    // MARK: Spools

    /// Takes the wanted directories in place of the present ones. One that is unchanged goes on as it is.
    func replace(with wanted: [SpoolDirectory]) {
        for spool in spools.values.sorted(by: { $0.slot < $1.slot }) where !wanted.contains(spool.directory) {
            forgetNodes(of: spool, below: "")
            for path in Array(spool.pending.keys) { forget(path, in: spool) }
            forgetFound(below: "", of: spool)
            scans.removeAll { $0.spool === spool }
            spools[spool.slot] = nil
        }
        let present = Set(spools.values.map(\.directory))
        var added: [Spool] = []
        for directory in wanted where !present.contains(directory) {
            nextSlot += 1
            let spool = Spool(slot: nextSlot, directory: directory)
            spools[nextSlot] = spool
            added.append(spool)
        }
        for spool in added.sorted(by: { ($0.directory.order, $0.slot) < ($1.directory.order, $1.slot) }) { attach(spool) }
        owesCaughtUp = true
    }

    /// Finds the directory, watches it and everything below it, and lists it.
    func attach(_ spool: Spool) {
        spool.retryAt = nil
        guard let root = FoundEntry.realPath(spool.directory.path), let identity = Self.directoryIdentity(root) else {
            let path = spool.directory.path
            let isMissing = errno == ENOENT || errno == ENOTDIR
            return unhealthy(spool, (isMissing ? WatcherError.missing(path: path) : .cannotList(path: path, errno: errno)).description)
        }
        spool.root = root
        spool.identity = identity
        let isLocal = spool.directory.watch == .auto ? Mount.of(root)?.isLocal ?? false : true
        spool.usesInotify = events != nil && spool.directory.watch != .poll
        spool.isTrusted = spool.usesInotify && isLocal
        scan(spool, below: "", isBacklog: true, isAttaching: true)
    }

    /// The first scan of a spool is over. A spool of which nothing can be listed is not attached at all.
    func endAttaching(_ spool: Spool, _ failure: WatcherError?) {
        if let failure {
            forgetNodes(of: spool, below: "")
            spool.root = nil
            return unhealthy(spool, failure.description)
        }
        if !spool.isTrusted { poll("", of: spool) }
        if spool.isHealthy == false { out.append(.healthy(directory: spool.directory.id)) }
        spool.isHealthy = true
    }

    func detach(_ spool: Spool, reason: String) {
        forgetNodes(of: spool, below: "")
        for path in Array(spool.pending.keys) { forget(path, in: spool) }
        unblockAll(below: "", of: spool)
        forgetFound(below: "", of: spool)
        scans.removeAll { $0.spool === spool }
        spool.root = nil
        unhealthy(spool, reason)
    }

    private func unhealthy(_ spool: Spool, _ reason: String) {
        spool.retryAt = now + Self.retryInterval
        guard spool.isHealthy != false else { return }
        spool.isHealthy = false
        out.append(.unhealthy(directory: spool.directory.id, reason: reason))
    }

    /// A directory above a spool may be moved without any event here, and a mount may come to lie over it.
    func checkHealth() {
        nextHealth = now + Self.retryInterval
        for spool in spools.values.sorted(by: { $0.slot < $1.slot }) {
            if spool.root == nil {
                attach(spool)
            } else if FoundEntry.realPath(spool.directory.path) != spool.root || Self.directoryIdentity(spool.root!) != spool.identity {
                detach(spool, reason: "\(spool.directory.path): another directory stands under this path, or none")
                attach(spool)
            } else {
                retryBlocked(of: spool)
            }
        }
    }

    /// The spools that are watched, in the order in which they are scanned.
    var attachedSpools: [Spool] {
        spools.values.filter { $0.root != nil }.sorted { ($0.directory.order, $0.slot) < ($1.directory.order, $1.slot) }
    }

    func scanAll() {
        for spool in attachedSpools { scan(spool, below: "", isBacklog: true) }
    }

    private static func directoryIdentity(_ path: String) -> FileStamp? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return TreeScan.identity(of: path)
    }

    // MARK: Trees

    /// - Returns: why it could not be watched, where listing it makes no sense either.
    func watch(_ directory: String, of spool: Spool) -> WatcherError? {
        guard let events, spool.usesInotify, spool.tokens[directory] == nil, !isPolled(directory, of: spool) else { return nil }
        nextToken += 1
        let token = nextToken
        do throws(WatcherError) {
            try events.watch(spool.path(of: directory), token: token, now: now)
        } catch {
            guard case .watchLimit = error else { return error }
            if !hasWarnedOfLimit {
                hasWarnedOfLimit = true
                settings.logger.warning("\(error)")
            }
            poll(directory, of: spool)
            return nil
        }
        spool.tokens[directory] = token
        nodes[token] = Node(spool: spool, directory: directory, isPolled: false)
        return nil
    }

    /// Has a subtree listed again and again.
    private func poll(_ directory: String, of spool: Spool) {
        guard !isPolled(directory, of: spool) else { return }
        nextToken += 1
        nodes[nextToken] = Node(spool: spool, directory: directory, isPolled: true)
        polling.watch(spool.path(of: directory), token: nextToken, now: now)
    }

    private func isPolled(_ directory: String, of spool: Spool) -> Bool {
        polling.isAnyWatched
            && nodes.values.contains {
                $0.isPolled && $0.spool === spool && !$0.directory.isEmpty && Spool.isWithin(directory, $0.directory)
            }
    }

    /// Forgets a directory that went away, with everything below it.
    func drop(_ directory: String, of spool: Spool) {
        forgetNodes(of: spool, below: directory)
        for path in Array(spool.pending.keys) where Spool.isWithin(path, directory) { forget(path, in: spool) }
        unblockAll(below: directory, of: spool)
        spool.untaken.remove(where: { Spool.isWithin($0, directory) }, isWhole: false, due: untakenDue(of: spool))
        forgetFound(below: directory, of: spool)
        leaveOutOfScans(directory, of: spool)
    }

    func forgetNodes(of spool: Spool, below directory: String) {
        for (path, token) in spool.tokens where Spool.isWithin(path, directory) {
            events?.forget(token: token)
            nodes[token] = nil
            spool.tokens[path] = nil
        }
        for (token, node) in nodes where node.isPolled && node.spool === spool && Spool.isWithin(node.directory, directory) {
            polling.forget(token: token)
            nodes[token] = nil
        }
    }
}
