import Foundation
import Machine
import Synchronization
import SystemPackage
import Tensors
import TrainingGraph

/// Says what is trained, to those who help.
struct SharePlan: Codable, Sendable, Equatable {
    /// The digest of what decides the bytes of the run (`RunIdentity`), under which the rows are packed.
    var fingerprint: String
    var machine: AttemptMachine
    var engine: EngineChoice
    /// The number of engine threads, on which last bits depend.
    var threads: Int
}

/// One who helps, as the one who trains sees it: a thread that has it compute shares, one after the other.
final class ShareLane: @unchecked Sendable {
    private enum Next {
        case round(ShareRound)
        case end
    }

    let number: Int
    private let channel: ShareChannel
    private let plan: SharePlan
    private let graph: ShareGraph
    private let condition = NSCondition()
    private var waiting: [Next] = []
    private let state = Mutex(State.joining)
    private let hasEnded = Atomic(false)
    private let isDismissed: FlagBox

    enum State { case joining, ready, lost }

    /// A flag that the channel of a lane looks at.
    private final class FlagBox: Sendable {
        let isSet = Atomic(false)
    }

    /// The time for greetings, and the least time that a share may take.
    private static let patience: Duration = .seconds(20)
    /// The time in which a helper makes itself ready.
    private static let preparing: Duration = .seconds(600)

    /// - Parameter number: tells it from others; 0 is the one who trains.
    init(_ descriptor: FileDescriptor, number: Int, _ plan: SharePlan, _ graph: ShareGraph) {
        let flag = FlagBox()
        isDismissed = flag
        self.number = number
        self.plan = plan
        self.graph = graph
        channel = ShareChannel(descriptor) { flag.isSet.load(ordering: .relaxed) }
        let thread = Thread { [self] in
            serve()
            state.withLock { $0 = .lost }
            channel.close()
            condition.lock()
            hasEnded.store(true, ordering: .relaxed)
            condition.broadcast()
            condition.unlock()
        }
        thread.name = "share"
        thread.start()
    }

    var now: State { state.withLock { $0 } }

    /// Has it take part in a round.
    func put(_ round: ShareRound) { put(.round(round)) }

    /// Ends it, and waits for its thread.
    func dismiss() {
        isDismissed.isSet.store(true, ordering: .relaxed)
        put(.end)
        condition.lock()
        while !hasEnded.load(ordering: .relaxed) { condition.wait() }
        condition.unlock()
    }

    private func put(_ next: Next) {
        condition.lock()
        waiting.append(next)
        condition.broadcast()
        condition.unlock()
    }

    private func next() -> Next {
        condition.lock()
        defer { condition.unlock() }
        while waiting.isEmpty { condition.wait() }
        return waiting.removeFirst()
    }

    // MARK: The thread

    private func serve() {
        guard (try? greet()) != nil else { return }
        state.withLock { $0 = .ready }
        var slowest = Duration.zero
        // What the helper knows: the batch and the try, and the phases of which it has the sums.
        var known: (number: Int, attempt: Int, totals: Int)?
        while case .round(let round) = next() {
            while let share = (try? round.take(number)) ?? nil {
                let begun = ContinuousClock.now
                do throws(ShareChannel.Lost) {
                    try tell(round, &known)
                    round.put(share, try compute(share, round, within: Self.patience + slowest * 10))
                } catch {
                    // It is gone before others see what it had.
                    state.withLock { $0 = .lost }
                    round.lose(number, holding: share)
                    return
                }
                slowest = max(slowest, .now - begun)
            }
        }
    }

    private func greet() throws(ShareChannel.Lost) {
        let hello = try channel.next(within: Self.patience)
        guard hello.kind == .hello else { throw .malformed }
        let machine = try? JSONDecoder().decode(AttemptMachine.self, from: Data(try channel.text(of: hello, within: Self.patience)))
        // Another processor or engine may compute other last bits.
        guard machine == plan.machine, let text = try? JSONEncoder().encode(plan) else { throw .malformed }
        try channel.send(.welcome, Array(text), within: Self.patience)
        guard try channel.next(within: Self.preparing).kind == .ready else { throw .malformed }
    }

    /// Tells the helper what it does not know of the batch.
    private func tell(_ round: ShareRound, _ known: inout (number: Int, attempt: Int, totals: Int)?) throws(ShareChannel.Lost) {
        let batch = round.batch
        if known?.number != batch.number || known?.attempt != batch.attempt {
            try send(.init(kind: .values, first: batch.number, second: batch.attempt), batch.parameters)
            known = (batch.number, batch.attempt, 0)
        }
        while let phase = known?.totals, phase < round.phase {
            try send(.init(kind: .totals, first: phase), batch.totals[phase])
            known?.totals += 1
        }
    }

    private func send(_ head: ShareChannel.Head, _ tensors: [Tensor]) throws(ShareChannel.Lost) {
        try channel.send(head, tensors.map(\.bytes), within: Self.patience)
        withExtendedLifetime(tensors) {}
    }

    private func compute(_ share: Int, _ round: ShareRound, within patience: Duration) throws(ShareChannel.Lost) -> [Tensor] {
        try channel.send(.init(kind: .share, first: round.phase, second: share), within: patience)
        let sums = graph.phases[round.phase].sums
        let parts = sums.map { Tensor(zeros: $0.elementType, shape: $0.shape) }.compactMap(\.self)
        let head = try channel.next(within: patience)
        let size = parts.reduce(0) { $0 + $1.bytes.count }
        guard parts.count == sums.count,
            head == .init(kind: .parts, first: round.phase, second: share, byteCount: size)
        else { throw .malformed }
        for part in parts { try channel.receive(into: part, within: patience) }
        return parts
    }
}

extension ShareChannel {
    /// Receives the elements of a tensor of our own.
    func receive(into tensor: Tensor, within patience: Duration?) throws(Lost) {
        guard case .buffer(let buffer) = tensor.storage else { throw .malformed }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[..<tensor.bytes.count])
        try receive(into: bytes, within: patience)
        withExtendedLifetime(buffer) {}
    }
}
