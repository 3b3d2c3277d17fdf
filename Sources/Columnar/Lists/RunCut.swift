/// Cuts rows into runs: they are sorted by length, so that rows of about one length share a run and little of it is padding.
///
/// The cut follows from the rows, the plan and the limits alone. A row's result may depend in its last digits on how far it is filled up, so
/// that another attempt at the same rows gives the same bytes.
struct RunCut {
    /// A run of so many places along open axes is long enough that its call costs little.
    static let placesOfRun = 512
    /// In a run that is longer, at most one place of so many is padding.
    static let mostPadding = 16

    /// The extents of each row along the open axes on which rows of one run must agree.
    private let apart: [[Int]]
    /// The extents along all open axes.
    private let all: [[Int]]
    private let rowsAtMost: Int
    private let placesAtMost: Int?
    private let mayReorder: Bool

    /// - Parameter lengths: the extents of each row, by the number of the axis.
    init(_ plan: LengthPlan, _ lengths: [Int: [Int]], rowsAtMost: Int, placesAtMost: Int?) {
        let open = Set(plan.inputs.flatMap(\.axes).filter { $0.extent == nil }.map(\.number)).sorted()
        apart = open.filter { !plan.masked.contains($0) }.compactMap { lengths[$0] }
        all = apart + open.filter { plan.masked.contains($0) }.compactMap { lengths[$0] }
        self.rowsAtMost = rowsAtMost
        self.placesAtMost = placesAtMost
        mayReorder = plan.mayReorder
    }

    /// Returns the rows of each run.
    func runs(of rowCount: Int) -> [[Int]] {
        var runs: [[Int]] = []
        var longest: [Int] = []
        /// The places that the rows of the last run take without padding.
        var needed = 0
        for row in sorted(rowCount) {
            let own = all.map { $0[row] }
            if let last = runs.last {
                let grown = zip(longest, own).map { max($0, $1) }
                if apart.allSatisfy({ $0[row] == $0[last[0]] }), fits(row, in: last, longest, grown: grown, needed: needed) {
                    runs[runs.count - 1].append(row)
                    longest = grown
                    needed = Self.sum(needed, Self.places(own))
                    continue
                }
            }
            runs.append([row])
            longest = own
            needed = Self.places(own)
        }
        return runs
    }

    /// Returns the rows by their lengths. Rows of the same lengths stay in their order.
    private func sorted(_ rowCount: Int) -> [Int] {
        let order = Array(0..<rowCount)
        guard mayReorder, all.contains(where: { own in own.contains { $0 != own[0] } }) else { return order }
        return order.sorted { a, b in
            for own in all where own[a] != own[b] { return own[a] < own[b] }
            return a < b
        }
    }

    private func fits(_ row: Int, in run: [Int], _ longest: [Int], grown: [Int], needed: Int) -> Bool {
        if run.count == rowsAtMost { return false }
        let places = Self.places(grown, rows: run.count + 1)
        if let placesAtMost, places > placesAtMost { return false }
        let padding = places - Self.sum(needed, Self.places(all.map { $0[row] }))
        return Self.places(longest, rows: run.count) < Self.placesOfRun || padding <= places / Self.mostPadding
    }

    /// Returns the number of places along open axes, or the largest number where they are more.
    private static func places(_ extents: [Int], rows: Int = 1) -> Int {
        extents.reduce(rows) { count, extent in
            let (product, overflows) = count.multipliedReportingOverflow(by: max(extent, 1))
            return overflows ? .max : product
        }
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflows) = a.addingReportingOverflow(b)
        return overflows ? .max : sum
    }
}
