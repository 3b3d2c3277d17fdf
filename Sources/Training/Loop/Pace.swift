/// Measures the speed of a run, from the rows of the last few seconds, so that the figure follows changes without jumping.
struct Pace {
    private var marks: [(time: ContinuousClock.Instant, rows: Int)] = []
    private static let window = Duration.seconds(10)

    /// - Parameter rows: the number of all rows so far.
    mutating func note(rows: Int, at now: ContinuousClock.Instant) {
        marks.append((now, rows))
        if let first = marks.firstIndex(where: { now - $0.time <= Self.window }), first > 1 { marks.removeFirst(first - 1) }
        // With very fast steps, one mark for each step would be too many.
        if marks.count > 512 { marks = marks.enumerated().filter { $0.offset % 2 == 0 || $0.offset == marks.count - 1 }.map(\.element) }
    }

    var rowsPerSecond: Double? {
        guard let first = marks.first, let last = marks.last, last.rows > first.rows else { return nil }
        let seconds = (last.time - first.time) / .seconds(1)
        return seconds > 0 ? Double(last.rows - first.rows) / seconds : nil
    }
}
