internal import Reasons
internal import Signatures

/// Tells the meaning of a change in a spool, as far as the name alone shows it.
enum EntryMeaning: Equatable {
    case nothing
    /// The file may be an arrival, so that it settles.
    case settle(Settling.Signal)
    /// A file that may have been an arrival went away.
    case fileGone
    case refused(Explanation)
    /// A file that no pattern takes came or changed.
    case unmatched
    case unmatchedGone
    /// The mark of a download of that file went away.
    case markGone(of: String)
    /// The signature of that file came, changed or went away.
    case signature(of: String)
    /// A directory came: what is in it is to be scanned.
    case newDirectory
    /// A directory came from elsewhere, perhaps over one that was here.
    case movedDirectory
    case directoryGone
    /// The attributes of a directory changed: it may have become readable.
    case directoryAttributes
}

extension WatchedSpool {
    /// Returns what the change of a file means.
    /// - Parameter path: the path of the file, relative to the spool, which ends with `name`.
    func meaning(of change: DirectoryEvent.Change, file name: String, at path: String) -> EntryMeaning {
        let decision = filter.decide(name: name[...], of: path)
        switch decision {
        case .candidate:
            return change == .gone ? .fileGone : .settle(signal(change))
        case .refused(let explanation):
            return change == .created || change == .movedIn ? .refused(explanation) : .nothing
        case .ignored(rule: .nameSignature, _):
            let file = String(path.dropLast(DetachedSignature.suffix.count))
            // What was only created is still to be written.
            guard directory.signatures != .ignored, change != .created, filter.decide(relativePath: file) == .candidate else {
                return .nothing
            }
            return .signature(of: file)
        case .ignored:
            if filter.isUnmatched(name[...], decision) { return change == .gone ? .unmatchedGone : .unmatched }
            guard change == .gone, let mark = TemporaryNames.marksOfProgress.first(where: name.hasSuffix) else { return .nothing }
            return .markGone(of: String(path.dropLast(mark.count)))
        }
    }

    /// Returns what the change of a directory means.
    func meaning(of change: DirectoryEvent.Change, directory name: String) -> EntryMeaning {
        switch NameFilter.decide(directory: name[...]) {
        case nil, .candidate?: break
        case .ignored?: return .nothing
        case .refused(let explanation)?:
            return change == .created || change == .movedIn ? .refused(explanation) : .nothing
        }
        return switch change {
        case .created: .newDirectory
        case .movedIn: .movedDirectory
        case .gone: .directoryGone
        case .attributes: .directoryAttributes
        case .closed: .nothing
        }
    }

    /// Returns whether the change of a file may change what models mean that have external data.
    func mayChangeModels(_ change: DirectoryEvent.Change, file name: String, at path: String) -> Bool {
        guard mayHoldModels, change != .created, FormatCheck(name: name) != .onnx else { return false }
        guard case .ignored(let rule, _) = filter.decide(name: name[...], of: path) else { return true }
        return rule == .nameInclude
    }

    /// Returns the signal of an event. On a mount that is not known to be local it is no more than a hint to look earlier.
    private func signal(_ change: DirectoryEvent.Change) -> Settling.Signal {
        guard isTrusted else { return .found }
        return switch change {
        case .created: .created
        case .closed: .closed
        case .movedIn: .movedIn
        case .attributes: .attributes
        case .gone: .found
        }
    }
}
