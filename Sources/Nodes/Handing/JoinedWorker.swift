import Arrivals
import Attempts
import FileSystem
import Machine
import Synchronization
import SystemPackage
import WorkerProcesses
import WorkerProtocol

/// The daemon's side of one worker that has joined: it sends orders over the connection, and gives each thread that follows attempts what
/// the worker says of them.
final class JoinedWorker: Sendable {
    private struct State {
        var inboxes: [AttemptReference: HandOutInbox] = [:]
        var shared: Set<SharedFolder>
        /// The machine that the worker computes on; nil until it has said so.
        var machine: AttemptMachine?
        var isLeaving = false
        var lost: String?
        /// What waits for the answer to a question.
        var asked: HandOutInbox?
        var models: [String] = []
        /// The attempts that the worker had before it joined and that nobody follows, by what they are.
        var held: [String: HeldAttempt] = [:]
    }

    /// The number of the worker, from 1 since the daemon has started.
    let number: Int
    let hello: JoinHello
    private let connection: FrameConnection
    private let terms: JoinTerms
    private let state: Mutex<State>
    /// Is held while orders are sent, since a setting must be told before the orders that name it.
    private let settings = Mutex(KnownSettings())
    private let courier: InputCourier
    /// Is held while the worker is asked something: there is one question at a time.
    private let asking = Mutex(())

    init(
        _ number: Int, _ hello: JoinHello, _ connection: FrameConnection, _ terms: JoinTerms, shared: [SharedFolder],
        _ courier: InputCourier
    ) {
        self.number = number
        self.hello = hello
        self.connection = connection
        self.terms = terms
        self.courier = courier
        state = Mutex(State(shared: Set(shared)))
    }

    var machine: AttemptMachine? { state.withLock { $0.machine } }
    /// Tells whether it takes work.
    var isThere: Bool { state.withLock { $0.lost == nil && !$0.isLeaving } }
    /// The runs that it executes.
    var runs: [Int64] { state.withLock { Set($0.inboxes.keys.map(\.run)).sorted() } }
    func hasExecuted(_ digest: String) -> Bool { state.withLock { $0.models.contains(digest) } }

    // MARK: The connection

    /// Reads what the worker says until the connection ends. A thread of its own calls it.
    /// - Returns: why it has ended.
    func read() -> String {
        let why: String
        do throws(FrameError) {
            while let frame = try connection.receive(WorkerFrame.self, within: .seconds(terms.lease)) { take(frame) }
            why = "it gave no sign of life for \(terms.lease) s"
        } catch {
            why = hasLeft ? "it had nothing to do" : "\(error)"
        }
        lose(why)
        return why
    }

    private func take(_ frame: WorkerFrame) {
        switch frame {
        case .answer(let reference, _), .paused(let reference), .ranges(let reference, _), .progress(let reference, _):
            // A frame about an attempt that is another's by now is of no use.
            state.withLock { $0.inboxes[reference] }?.put(frame)
        case .seen, .claimed: state.withLock { $0.asked }?.put(frame)
        case .leaving: state.withLock { $0.isLeaving = true }
        case .held(let held): state.withLock { state in for attempt in held { state.held[attempt.spec.essence] = attempt } }
        case .machine(let machine): state.withLock { $0.machine = machine }
        case .alive, .phase, .heartbeat, .hello: break
        }
    }

    /// Tells whether the worker has said that it ends.
    var hasLeft: Bool { state.withLock { $0.isLeaving } }

    /// Ends the connection, and tells those who wait for answers.
    func lose(_ why: String) {
        connection.shutDown()
        let inboxes = state.withLock { state in
            if state.lost == nil { state.lost = why }
            defer { state.inboxes = [:] }
            return Array(state.inboxes.values) + (state.asked.map { [$0] } ?? [])
        }
        for inbox in inboxes { inbox.lose() }
    }

    /// Shows the worker that the daemon is there. A worker that cannot be told is found out by the thread that reads.
    func beat() { try? connection.send(DaemonFrame.alive) }

    // MARK: Attempts

    /// Sends attempts, which the worker executes together.
    func send(_ specs: [AttemptSpec], _ references: [AttemptReference], _ inbox: HandOutInbox) throws(FrameError) {
        let isLost = state.withLock { state in
            for reference in references { state.inboxes[reference] = inbox }
            for spec in specs where state.models.last != spec.model.digest {
                state.models.removeAll { $0 == spec.model.digest }
                state.models = state.models.suffix(63) + [spec.model.digest]
            }
            return state.lost != nil
        }
        if isLost { throw .closed }
        let failure: FrameError? = settings.withLock { known in
            do throws(FrameError) {
                for place in specs.indices {
                    try hold(specs[place], references[place], isFollowed: place < specs.count - 1, &known)
                }
                _ = try connection.sendHeld()
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private func hold(
        _ spec: AttemptSpec, _ reference: AttemptReference, isFollowed: Bool, _ known: inout KnownSettings
    ) throws(FrameError) {
        guard case .score(let files) = spec.work, files.parts == nil else {
            return try connection.hold(DaemonFrame.attempt(reference: reference, spec: spec, hasFile: false))
        }
        let setting = ScoreSetting(spec, files)
        let (number, isNew) = known.number(of: setting)
        if isNew { try connection.hold(DaemonFrame.setting(number: number, setting: setting)) }
        var order = ScoreOrder(reference: reference, setting: number, spec, files)
        if case .content(let content)? = courier.data(of: files.data, isLocal: false) { order.content = content }
        order.isFollowed = isFollowed
        try connection.hold(DaemonFrame.score(order))
    }

    /// Takes over an attempt that the worker had before it joined, if it has one that is the same as this one.
    /// - Returns: the attempt as the worker has it.
    func adopt(_ essence: String, _ inbox: HandOutInbox) -> HeldAttempt? {
        let held: HeldAttempt? = state.withLock { state in
            guard state.lost == nil, let held = state.held.removeValue(forKey: essence) else { return nil }
            state.inboxes[held.reference] = inbox
            return held
        }
        if let held { tell(.adopt(reference: held.reference)) }
        return held
    }

    /// Tells the worker to end what it had before it joined and nobody wants.
    func voidHeld() {
        let held = state.withLock { state in
            defer { state.held = [:] }
            return Array(state.held.values)
        }
        for attempt in held { tell(.cancel(reference: attempt.reference, cause: .takenBack)) }
    }

    /// Takes no more answers to an attempt.
    func forget(_ references: [AttemptReference]) {
        state.withLock { state in for reference in references { state.inboxes[reference] = nil } }
    }

    func tell(_ frame: DaemonFrame) { try? connection.send(frame) }

    /// Asks the worker something, and returns its answer; nil where there is none in time.
    func ask(_ question: DaemonFrame, within patience: Duration) -> WorkerFrame? {
        asking.withLock { _ in
            let inbox = HandOutInbox()
            let isLost = state.withLock { state in
                state.asked = inbox
                return state.lost != nil
            }
            defer { state.withLock { $0.asked = nil } }
            guard !isLost else { return nil }
            tell(question)
            guard case .frame(let answer)? = inbox.next(within: patience) else { return nil }
            return answer
        }
    }

    // MARK: Folders

    /// Finds out whether the worker sees these folders as the daemon does, as far as that is not known.
    /// - Returns: what is wrong; nil where nothing is.
    func fault(in folders: [SharedFolder]) -> String? {
        let unknown = state.withLock { state in folders.filter { !state.shared.contains($0) } }
        guard !unknown.isEmpty else { return nil }
        let proof = FolderProof(unknown)
        defer { proof.remove() }
        guard case .seen(let sights)? = ask(.probe(proof.probes), within: .seconds(30)) else { return "it does not say what it sees" }
        if let fault = proof.fault(in: sights) { return fault }
        state.withLock { $0.shared.formUnion(unknown) }
        return nil
    }
}
