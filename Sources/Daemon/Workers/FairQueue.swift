/// Holds work of several pipelines, and decides which of it comes next: pipelines share the workers' time equally, and within one the
/// oldest comes first.
///
/// Each pipeline's lane counts the time that its work took. The lane that has had least comes next, so that the work of a pipeline that was
/// idle comes at once, and many small files get as much time as a large one. It has no clock and no threads.
package struct FairQueue<Item> {
    private struct Lane {
        /// The work that was begun and paused, which comes before the rest.
        var begun: [Item] = []
        var waiting: ArraySlice<Item> = []
        /// The seconds that its work took; a new lane begins with the least of the other lanes.
        var used: Double
        /// Tells whether nothing of it has been taken yet.
        var isFresh = true
        var lastTurn = 0
        /// The number of items that were taken and have not ended.
        var taken = 0

        var first: Item? { begun.first ?? waiting.first }
    }

    private var lanes: [String: Lane] = [:]
    private var turns = 0
    /// The most seconds by which a lane can get ahead of the one that has had least.
    private let debt: Double

    /// - Parameter debt: the seconds that a pipeline may have had more than the others before it waits for them; one that had more waits no
    ///   longer.
    package init(debt: Double) { self.debt = debt }

    package mutating func put(_ item: Item, of pipeline: String) {
        makeLane(pipeline)
        lanes[pipeline]!.waiting.append(item)
    }

    /// Puts back an item that was taken and has more to do.
    package mutating func putBack(_ item: Item, of pipeline: String) {
        makeLane(pipeline)
        lanes[pipeline]!.begun.append(item)
        lanes[pipeline]!.taken -= 1
    }

    /// Removes the items that were put back and are not to go on.
    package mutating func remove(of pipeline: String, where isMeant: (Item) -> Bool) {
        lanes[pipeline]?.begun.removeAll(where: isMeant)
        dropIfIdle(pipeline)
    }

    /// Removes all items that were not begun.
    package mutating func removeWaiting() {
        for pipeline in Array(lanes.keys) {
            lanes[pipeline]!.waiting = []
            dropIfIdle(pipeline)
        }
    }

    package mutating func next() -> (item: Item, pipeline: String)? { take { _ in true } }

    /// Takes the first item of a pipeline of which nothing else is under way or paused, where `isMeant` says so of the item.
    package mutating func nextOfIdlePipeline(where isMeant: (Item) -> Bool) -> (item: Item, pipeline: String)? {
        take { lane in lane.taken == 0 && lane.begun.isEmpty && lane.first.map(isMeant) ?? false }
    }

    private mutating func take(where isMeant: (Lane) -> Bool) -> (item: Item, pipeline: String)? {
        var best: (pipeline: String, lane: Lane)?
        for (pipeline, lane) in lanes where lane.first != nil && isMeant(lane) {
            if best.map({ isBefore(lane, $0.lane) }) ?? true { best = (pipeline, lane) }
        }
        guard let pipeline = best?.pipeline else { return nil }
        best = nil
        turns += 1
        lanes[pipeline]!.lastTurn = turns
        lanes[pipeline]!.isFresh = false
        lanes[pipeline]!.taken += 1
        if !lanes[pipeline]!.begun.isEmpty { return (lanes[pipeline]!.begun.removeFirst(), pipeline) }
        return (lanes[pipeline]!.waiting.removeFirst(), pipeline)
    }

    /// Takes one more item of a pipeline beside one that was just taken, where `isMeant` says so of the next; nil where it does not.
    package mutating func more(of pipeline: String, where isMeant: (Item) -> Bool) -> Item? {
        guard let lane = lanes[pipeline], lane.begun.isEmpty, let first = lane.waiting.first, isMeant(first) else { return nil }
        lanes[pipeline]!.taken += 1
        return lanes[pipeline]!.waiting.removeFirst()
    }

    /// Tells whether nothing waits to begin or to go on.
    package var isEmpty: Bool { lanes.values.allSatisfy { $0.first == nil } }

    /// Returns the number of items of a pipeline that wait and were not begun.
    package func waiting(of pipeline: String) -> Int { lanes[pipeline]?.waiting.count ?? 0 }

    /// Returns whether the first work of another pipeline should come before more work of this one.
    package func hasBefore(_ pipeline: String, where isMeant: (Item) -> Bool) -> Bool {
        guard let own = lanes[pipeline] else { return false }
        return lanes.contains { name, lane in
            guard name != pipeline, let first = lane.first, lane.isFresh || lane.used < own.used else { return false }
            return isMeant(first)
        }
    }

    package mutating func charge(_ pipeline: String, seconds: Double) {
        guard let before = lanes[pipeline]?.used else { return }
        var least = Double.infinity
        for (name, lane) in lanes where name != pipeline && lane.first != nil { least = min(least, lane.used) }
        lanes[pipeline]!.used = min(before + seconds, max(least + debt, before))
    }

    /// Notes that an item that was taken has ended.
    package mutating func ended(_ pipeline: String) {
        lanes[pipeline]?.taken -= 1
        dropIfIdle(pipeline)
    }

    /// The pipelines with anything that waits, is paused, or was taken.
    package var pipelines: some Sequence<String> { lanes.keys }

    private func isBefore(_ one: Lane, _ other: Lane) -> Bool {
        if one.isFresh != other.isFresh { return one.isFresh }
        return (one.used, one.lastTurn) < (other.used, other.lastTurn)
    }

    /// Makes the lane of a pipeline that has none. A pipeline that was idle has no claim on the time that others took meanwhile.
    private mutating func makeLane(_ pipeline: String) {
        guard lanes[pipeline] == nil else { return }
        let least = lanes.values.map(\.used).min() ?? 0
        turns += 1
        lanes[pipeline] = Lane(used: least, lastTurn: turns)
    }

    private mutating func dropIfIdle(_ pipeline: String) {
        if let lane = lanes[pipeline], lane.first == nil, lane.taken <= 0 { lanes[pipeline] = nil }
    }
}
