internal import Names

/// Holds the files that are due, in a binary heap: by time, then as files of one scan are delivered (SEMANTICS 3), models first, then
/// oldest first.
struct DueQueue {
    struct Item: Comparable {
        var time: Duration
        var order: Int
        var changed: Int64
        var spool: Int
        var path: String

        static func < (a: Item, b: Item) -> Bool {
            if a.time != b.time { return a.time < b.time }
            if a.order != b.order { return a.order < b.order }
            if a.changed != b.changed { return a.changed < b.changed }
            return Name(a.path) < Name(b.path)
        }
    }

    private var items: [Item] = []

    var first: Item? { items.first }
    var count: Int { items.count }

    mutating func push(_ item: Item) {
        items.append(item)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child] < items[parent] else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> Item? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first }
        items[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count && items[child] < items[smallest] { smallest = child }
            if smallest == parent { return first }
            items.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
