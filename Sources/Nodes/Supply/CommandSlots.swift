import Arrivals

/// Keeps what is known of each number that a worker of a command can have. It has no clock and starts nothing.
struct CommandSlots: Sendable {
    /// A command that fails so soon after its start has not started a worker.
    static let soon = Duration.seconds(10)
    /// The number of such failures in a row after which a number is left out, and for how long.
    static let failures = 3, rest = Duration.seconds(600)

    private struct Slot {
        /// Nil where nothing was started, or what was has ended.
        var state: SuppliedWorker.State?
        var startedAt = Duration.zero
        var failures = 0
        var restsUntil: Duration?
        var hasJoined = false
        var lastWords = ""
    }

    /// The slot of worker 1 is the first.
    private var slots: [Slot]
    private var joined: Set<Int> = []

    init(count: Int) { slots = Array(repeating: Slot(), count: count) }

    var found: [SuppliedWorker] {
        slots.enumerated().compactMap { number, slot in slot.state.map { SuppliedWorker(name: "\(number + 1)", state: $0) } }
    }

    func lastWords(of number: Int) -> String { slots[number - 1].lastWords }

    /// Returns why the last of those failed that are left out; nil where none is.
    func reasonOfRest(at now: Duration) -> String? {
        slots.enumerated().last { now < $1.restsUntil ?? .zero }.map { "worker \($0 + 1) failed \(Self.failures) times: \($1.lastWords)" }
    }

    /// Returns the free numbers, those first that have failed the least.
    func free(at now: Duration) -> [Int] {
        let free = slots.indices.filter { slots[$0].state == nil && !joined.contains($0 + 1) && now >= slots[$0].restsUntil ?? .zero }
        return free.sorted { (slots[$0].failures, $0) < (slots[$1].failures, $1) }.map { $0 + 1 }
    }

    mutating func note(joined: Set<Int>) {
        for number in joined.union(self.joined) where slots.indices.contains(number - 1) {
            let slot = slots[number - 1]
            // Nobody else tells that what a scheduler of its own has started is over.
            if slot.state == .handedOver, slot.hasJoined, !joined.contains(number) { slots[number - 1].state = nil }
            if slot.state != nil, joined.contains(number) { slots[number - 1].hasJoined = true }
        }
        self.joined = joined
    }

    mutating func started(_ number: Int, at now: Duration) {
        slots[number - 1].state = .running
        slots[number - 1].startedAt = now
        slots[number - 1].hasJoined = false
    }

    /// Takes in that a command has ended, or could not be started.
    mutating func ended(_ number: Int, status: Int32, _ said: String, at now: Duration) {
        var slot = slots[number - 1]
        slot.lastWords = said.isEmpty ? "the command ended with status \(status)" : "\(said) (status \(status))"
        if status == 0 {
            // Either the worker is done, or something else was told to start it.
            slot.failures = 0
            slot.state = slot.hasJoined ? nil : .handedOver
        } else {
            slot.state = nil
            slot.failures = now - slot.startedAt < Self.soon ? slot.failures + 1 : 0
            if slot.failures >= Self.failures {
                slot.failures = 0
                slot.restsUntil = now + Self.rest
            }
        }
        slots[number - 1] = slot
    }

    mutating func release(_ number: Int) { slots[number - 1].state = nil }
}
