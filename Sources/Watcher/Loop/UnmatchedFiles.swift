import FileSystem
internal import Names

/// Keeps the files of one spool that no pattern takes. Their changes are reported a moment later, since a model's external data comes
/// before the model.
struct UnmatchedFiles {
    /// The most files that are kept by name. More are only counted, by the next scan of the whole spool, so that they take no memory.
    private static let most = 10_000

    /// The time between a change and its report.
    private let delay: Duration
    private(set) var paths: NameSet = []
    private var more = 0
    /// The time at which a change is to be reported; nil where nothing has changed.
    private(set) var due: Duration?

    init(delay: Duration) { self.delay = delay }

    var count: Int { paths.count + more }

    mutating func insert(_ path: String, now: Duration) {
        guard !paths.contains(path) else { return }
        if paths.count < Self.most { paths.insert(path) } else { more += 1 }
        changed(now)
    }

    mutating func remove(_ path: String, now: Duration) {
        if paths.remove(path) != nil { changed(now) }
    }

    /// Removes the files that a scan is about to find again.
    /// - Parameter isWhole: whether it is a scan of the whole spool.
    mutating func remove(now: Duration, isWhole: Bool, where isBelow: (String) -> Bool) {
        let before = count
        if isWhole { more = 0 }
        for path in paths.filter(isBelow) { paths.remove(path) }
        if count != before { changed(now) }
    }

    mutating func reported() { due = nil }

    private mutating func changed(_ now: Duration) { due = due ?? now + delay }
}

extension WatchedSpool {
    /// The number of names that a report shows.
    private static let shownUnmatched = 20

    /// Reports the files that nothing takes, without the external data of models.
    func reportUnmatched() -> SpoolEvent {
        unmatched.reported()
        let companions = companionsOfModels()
        let names = unmatched.paths.filter { !companions.contains($0) }
        return .unmatched(
            spool: id, count: unmatched.count - (unmatched.paths.count - names.count),
            first: Array(names.sorted { Name($0) < Name($1) }.prefix(Self.shownUnmatched)))
    }

    /// Returns the external data of the models in the directories of files that nothing takes, and above them.
    private func companionsOfModels() -> NameSet {
        var companions: NameSet = []
        guard mayHoldModels, isAttached else { return companions }
        var above: NameSet = []
        for path in unmatched.paths {
            var directory = path
            repeat {
                directory = SpoolPath.split(directory).directory
                above.insert(directory)
            } while !directory.isEmpty
        }
        for directory in above {
            guard let listing = try? DirectoryListing(path: path(of: directory)) else { continue }
            listing.forEach { entry, _ in
                guard let name = entry.name, !entry.isDirectory, FormatCheck(name: name) == .onnx,
                    case .whole(let found) = FormatCheck.check(path: path(of: SpoolPath.join(directory, name)))
                else { return }
                for companion in found { companions.insert(SpoolPath.join(directory, companion)) }
            }
        }
        return companions
    }
}
