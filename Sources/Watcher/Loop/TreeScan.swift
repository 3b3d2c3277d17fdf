internal import Glibc
internal import Names
internal import Reasons
internal import SystemPackage

/// Walks everything below one directory of a spool: watches each directory before it lists it.
struct TreeScan {
    enum Finding {
        case file(String, FileStamp)
        case refused(String, rule: Rule, reason: String, remedy: String, FileStamp?)
        /// The directory cannot be listed, or what is in it not be looked at. The walk may have begun there.
        case failed(String, WatcherError)
        /// A file that no pattern of the spool takes.
        case untaken(String)
    }

    let root: String
    let admission: Admission
    /// Called for each directory, relative to the root, before it is listed.
    let enter: (String) -> Void

    /// - Returns: how many names were passed over by rule.
    func walk(from start: String, deep: Bool, found: (Finding) -> Void) -> Int {
        var ignored = 0
        var open = [start]
        while let directory = open.popLast() {
            enter(directory)
            let path = directory.isEmpty ? root : root + "/" + directory
            let listing: DirectoryListing
            do throws(Errno) { listing = try DirectoryListing(path: path) } catch {
                if error != .noSuchFileOrDirectory && error != .notDirectory || directory.isName(start) {
                    found(.failed(directory, .cannotList(path: path, errno: error.rawValue)))
                }
                continue
            }
            var blindness: CInt?
            listing.forEach { entry, status in
                guard let name = entry.name else {
                    if !entry.shownName.hasPrefix(".") {
                        found(Self.refusal(Admission.notUnicode, Spool.join(directory, entry.shownName), status()))
                    }
                    return
                }
                let relative = Spool.join(directory, name)
                let verdict = entry.isDirectory ? Admission.judge(directory: name[...]) ?? .candidate : admission.judge(name: name[...], of: relative)
                switch verdict {
                case .ignored:
                    ignored += 1
                    if !entry.isDirectory, admission.takesNothing(like: name[...], verdict) { found(.untaken(relative)) }
                case .refused: found(Self.refusal(verdict, relative, status()))
                case .candidate where entry.isDirectory:
                    if deep { open.append(relative) }
                case .candidate:
                    guard let status = status() else {
                        if ![ENOENT, ENOTDIR].contains(errno) { blindness = errno }
                        return
                    }
                    switch FoundEntry(path: root + "/" + relative, root: root, status: status) {
                    case .file(let stamp): found(.file(relative, stamp))
                    case .refused(let rule, let reason, let remedy, let stamp):
                        found(.refused(relative, rule: rule, reason: reason, remedy: remedy, stamp))
                    case .ignored: ignored += 1
                    case .directory, .missing, .unreachable: break
                    }
                }
            }
            if let blindness { found(.failed(directory, .cannotList(path: path, errno: blindness))) }
        }
        return ignored
    }

    private static func refusal(_ verdict: Admission.Verdict, _ relative: String, _ status: stat?) -> Finding {
        guard case .refused(let rule, let reason, let remedy) = verdict else {
            return .refused(relative, rule: .nameEncoding, reason: "the name is not admitted", remedy: "Rename it", nil)
        }
        return .refused(relative, rule: rule, reason: reason, remedy: remedy, status.map(identityStamp))
    }

    static func identity(of path: String) -> FileStamp? {
        var status = stat()
        return lstat(path, &status) == 0 ? identityStamp(status) : nil
    }

    /// For directories, whose size and change time follow their entries, and for names that are refused whatever the content.
    private static func identityStamp(_ status: stat) -> FileStamp {
        FileStamp(device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: 0, changed: 0)
    }
}

extension SpoolDirectory {
    /// Calls `body` with each file below that could be an arrival by name and kind, relative to `path`, as it stands now: nothing is watched for it.
    package func eachCandidate(_ body: (String, FileStamp) -> Void) {
        let admission = Admission(include: include, ignoresSuffixCase: ignoresSuffixCase)
        let scan = TreeScan(root: FoundEntry.realPath(path) ?? path, admission: admission) { _ in }
        _ = scan.walk(from: "", deep: true) { finding in
            if case .file(let relative, let stamp) = finding { body(relative, stamp) }
        }
    }
}
