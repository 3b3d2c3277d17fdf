import Arrivals
import FileSystem
internal import Logging
internal import Names
internal import Reasons

/// What is heard about directories, turned into what it means for files.
extension WatchLoop {
    func handle(_ heard: [DirectoryEvent]) {
        for event in heard {
            switch event {
            case .entry(let token, let name, let change, let isDirectory):
                guard let node = nodes[token] else { continue }
                if isDirectory {
                    hearDirectory(Spool.join(node.directory, name), name, change, in: node)
                } else {
                    hearFile(Spool.join(node.directory, name), name, change, in: node)
                }
            case .list(let token, let deep):
                guard let node = nodes[token] else { continue }
                if deep, isScanned(node.spool, below: node.directory) { continue }
                scan(node.spool, below: node.directory, deep: deep, isBacklog: false, polled: deep ? token : nil)
            case .lost(let token, let reason):
                guard let node = nodes[token] else { continue }
                if node.directory.isEmpty {
                    detach(node.spool, reason: "\(node.spool.directory.path): \(reason)")
                } else {
                    drop(node.directory, of: node.spool)
                }
            case .overflow:
                settings.logger.warning("inotify dropped events; everything is scanned again")
                out.append(.overflowed)
                for spool in spools.values.sorted(by: { $0.slot < $1.slot }) where spool.root != nil && spool.usesInotify {
                    // Directories may have moved unheard, so that their watches report under wrong paths.
                    forgetNodes(of: spool, below: "")
                    attach(spool)
                }
                return
            }
        }
    }

    private func hearFile(_ path: String, _ name: String, _ change: DirectoryEvent.Change, in node: Node) {
        let spool = node.spool
        switch spool.admission.judge(name: name[...], of: path) {
        case .candidate:
            if change == .gone {
                gone(path, in: spool)
            } else {
                hear(signal(change, isTrusted: spool.isTrusted), of: path, in: spool)
            }
        case .refused(let rule, let reason, let remedy):
            if change == .created || change == .movedIn {
                refuse(path, in: spool, rule: rule, reason: reason, remedy: remedy, stamp: TreeScan.identity(of: spool.path(of: path)))
            }
        case .ignored(let rule, _):
            if spool.admission.takesNothing(like: name[...], .ignored(rule: rule, reason: "")) {
                if change == .gone {
                    spool.untaken.remove(path, due: untakenDue(of: spool))
                } else {
                    spool.untaken.insert(path, due: untakenDue(of: spool))
                }
            }
            if change == .gone, let mark = TemporaryNames.marksOfProgress.first(where: name.hasSuffix) {
                let base = String(path.dropLast(mark.count))
                if spool.isSettling(base) { hear(.companion, of: base, in: spool) }
            }
            if rule != .nameInclude { return }
        }
        if spool.mayHoldModels, Seal(name: name) != .onnx, change != .created {
            touchedByData.insert(TouchedDirectory(slot: spool.slot, directory: node.directory))
        }
    }

    /// On a mount that is not known to be local an event is no more than a hint to look earlier.
    private func signal(_ change: DirectoryEvent.Change, isTrusted: Bool) -> Settling.Signal {
        guard isTrusted else { return .found }
        return switch change {
        case .created: .created
        case .closed: .closed
        case .movedIn: .movedIn
        case .attributes: .attributes
        case .gone: .found
        }
    }

    private func gone(_ path: String, in spool: Spool) {
        // An exchange of two names tells each as gone and as moved in; the name may be there.
        guard FileStamp(path: spool.path(of: path)) == nil else { return }
        forget(path, in: spool)
        out.append(.gone(directory: spool.directory.id, relativePath: path))
    }

    private func hearDirectory(_ path: String, _ name: String, _ change: DirectoryEvent.Change, in node: Node) {
        let spool = node.spool
        switch Admission.judge(directory: name[...]) {
        case nil, .candidate?: break
        case .ignored?: return
        case .refused(let rule, let reason, let remedy)?:
            if change == .created || change == .movedIn {
                refuse(
                    path, in: spool, rule: rule, reason: reason, remedy: remedy, stamp: TreeScan.identity(of: spool.path(of: path)))
            }
            return
        }
        switch change {
        case .created:
            scan(spool, below: path, isBacklog: false)
        case .movedIn:
            drop(path, of: spool)
            scan(spool, below: path, isBacklog: false)
        case .gone:
            drop(path, of: spool)
            if FileStamp(path: spool.path(of: path)) == nil { out.append(.gone(directory: spool.directory.id, relativePath: path)) }
        case .attributes where spool.tokens[path] == nil || spool.blocked[path] != nil:
            // It may have become readable.
            scan(spool, below: path, isBacklog: false)
        case .attributes, .closed:
            break
        }
    }

    /// External data changed: the models above it, settling or long delivered, may mean something else now.
    func recheckModels() {
        guard !touchedByData.isEmpty else { return }
        let touched = touchedByData
        touchedByData = []
        var directories: Set<TouchedDirectory> = []
        for place in touched {
            var directory = place.directory
            directories.insert(place)
            while !directory.isEmpty {
                directory = Spool.split(directory).directory
                directories.insert(TouchedDirectory(slot: place.slot, directory: directory))
            }
        }
        // Models that settle, by directory; taken once, since there may be as many directories as files.
        var settlingModels: [TouchedDirectory: [String]] = [:]
        for slot in Set(directories.map(\.slot)) {
            for path in spools[slot]?.pending.keys.filter({ Seal(name: $0) == .onnx }) ?? [] {
                settlingModels[TouchedDirectory(slot: slot, directory: Spool.split(path).directory), default: []].append(path)
            }
        }
        for place in directories {
            guard let spool = spools[place.slot], spool.root != nil else { continue }
            let waiting = settlingModels[place] ?? []
            for path in waiting.sorted() { hear(.companion, of: path, in: spool) }
            guard let listing = try? DirectoryListing(path: spool.path(of: place.directory)) else { continue }
            var models: [String] = []
            listing.forEach { entry, _ in
                guard let name = entry.name, !entry.isDirectory, Seal(name: name) == .onnx else { return }
                let path = Spool.join(place.directory, name)
                if !waiting.containsName(path), spool.admission.judge(name: name[...], of: path) == .candidate { models.append(path) }
            }
            for path in models.sorted() where spool.pending[path] == nil && hasData(path, in: spool) {
                hear(.companion, of: path, in: spool)
            }
        }
    }

    /// Whether the model refers to data beside it that is all there. One that lacks some is settling and was asked already.
    private func hasData(_ path: String, in spool: Spool) -> Bool {
        guard case .holds(let companions) = Seal.check(path: spool.path(of: path)) else { return false }
        return !companions.isEmpty
    }
}
