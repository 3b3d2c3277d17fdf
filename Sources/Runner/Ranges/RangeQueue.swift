import FileSystem

/// Knows which ranges of a file are still to be scored, as far as one attempt knows, because others score some of them meanwhile. It looks
/// at the folder only for ranges that it does not know to be finished.
final class RangeQueue {
    private let folder: PartsFolder
    private var finished: [Bool]

    /// The number of open ranges at which counting stops.
    private static let mostCounted = 64

    /// - Parameter count: the number of all ranges.
    init(_ folder: PartsFolder, count: Int) {
        self.folder = folder
        finished = Array(repeating: false, count: count)
    }

    var count: Int { finished.count }

    func isFinished(_ range: Int) -> Bool {
        if !finished[range] { finished[range] = folder.isFinished(range) }
        return finished[range]
    }

    /// Removes a part that is not whole.
    func remove(_ range: Int) throws(FileSystemError) {
        finished[range] = false
        try folder.remove(range)
    }

    /// Claims the first range from `first` on that nobody has begun; nil where there is none.
    func claim(from first: Int) -> Int? {
        for range in first..<count where !isFinished(range) && folder.claim(range) {
            // It may have been finished just before it was claimed.
            if !isFinished(range) { return range }
            folder.release(range)
        }
        return nil
    }

    /// Returns how many ranges from `first` on nobody has begun, counted up to `mostCounted`.
    func open(from first: Int) -> Int {
        var open = 0
        for range in first..<count where !isFinished(range) && !folder.isClaimed(range) {
            open += 1
            if open == Self.mostCounted { break }
        }
        return open
    }
}
