/// A first-in first-out list for one thread.
struct FIFO<Element> {
    private var elements: [Element] = []
    private var head = 0

    var first: Element? { head < elements.count ? elements[head] : nil }
    var count: Int { elements.count - head }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() { drop(1) }

    /// Removes up to `limit` elements and returns them.
    mutating func removeFirst(_ limit: Int) -> [Element] {
        let taken = Array(elements[head..<min(head + limit, elements.count)])
        drop(taken.count)
        return taken
    }

    private mutating func drop(_ number: Int) {
        head += number
        if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1024 {
            elements.removeFirst(head)
            head = 0
        }
    }
}
