internal import Names

/// The files of one spool that no pattern takes.
struct UntakenFiles {
    /// More are only counted by the next scan of the whole spool, so that they take no memory.
    private static let most = 10_000

    private(set) var paths: NameSet = []
    private var more = 0
    /// When the owner is told of what has changed; nil where nothing has.
    private(set) var due: Duration?

    var count: Int { paths.count + more }

    mutating func insert(_ path: String, due: Duration) {
        guard !paths.contains(path) else { return }
        if paths.count < Self.most { paths.insert(path) } else { more += 1 }
        self.due = self.due ?? due
    }

    mutating func remove(_ path: String, due: Duration) {
        if paths.remove(path) != nil { self.due = self.due ?? due }
    }

    /// A scan is about to find those below a directory again.
    mutating func remove(where isBelow: (String) -> Bool, isWhole: Bool, due: Duration) {
        let before = count
        if isWhole { more = 0 }
        for path in paths.filter(isBelow) { paths.remove(path) }
        if count != before { self.due = self.due ?? due }
    }

    mutating func told() { due = nil }
}
