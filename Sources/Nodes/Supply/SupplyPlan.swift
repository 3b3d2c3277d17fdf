import Arrivals

/// Decides when workers are started. It has no clock and starts nothing: it is asked what is to be done, and told what came of it.
///
/// Times are counted from one moment that the caller chooses. Workers that were asked for and have not joined are `asked`, whether they
/// wait in a queue or run already.
struct SupplyPlan: Sendable {
    /// Says what is to be done next.
    enum Act: Sendable, Equatable {
        case nothing
        /// Look which workers there are.
        case look
        /// Ask for that many workers.
        case start(Int, stays: Bool)
        /// Take back workers that have not begun, since nothing waits for them any more.
        case takeBack([String])
        /// End workers that run and have not joined.
        case giveUp([String])
    }

    /// The time for which something must wait before workers are asked for, in which more of the same may arrive.
    static let settling = Duration.seconds(1)
    /// The work for which another worker is worth its start. An attempt that has waited this long gets one in any case.
    static let worthwhile = Duration.seconds(30)
    /// The time in which workers that have joined show whether they keep up.
    static let trial = Duration.seconds(5)
    /// The time for which nothing must wait before workers are taken back.
    static let quiet = Duration.seconds(10)
    /// The time in which a worker must join that somebody else was told to start.
    static let longPatience = Duration.seconds(600)
    /// The age that what was seen last may have when workers are asked for or taken back.
    static let freshness = Duration.seconds(3)

    /// Says what cannot be done.
    enum Stage: Sendable, Equatable {
        case looking, starting, ending
        /// Workers were started and did not join.
        case joining
    }

    private struct Fault {
        let stage: Stage
        let text: String
    }

    private struct Asked {
        var state: SuppliedWorker.State
        /// The moment from which it has had this state.
        var since: Duration
    }

    let workers: ClosedRange<Int>
    /// The number of attempts that one worker executes at once.
    let attempts: Int
    /// The time in which a worker that runs must join.
    let patience: Duration
    private var asked: [String: Asked] = [:]
    private var joined: Set<String> = []
    /// The workers that may end without a word: they had joined, or were ended on purpose.
    private var excused: Set<String> = []
    private var lookedAt: Duration?, startedAt: Duration?, joinedAt: Duration?
    private var waitsSince: Duration?, quietSince: Duration?
    private var note = ""
    private var fault: Fault?
    private var retryAt: Duration?
    private var pauses = Self.pausesAfterFaults
    private var looks = Self.pausesBetweenLooks

    private static var pausesAfterFaults: GrowingPauses { GrowingPauses(first: .seconds(5), longest: .seconds(120)) }
    private static var pausesBetweenLooks: GrowingPauses { GrowingPauses(first: .seconds(5), longest: .seconds(30)) }

    init(workers: ClosedRange<Int>, attempts: Int, patience: Duration = .seconds(120)) {
        self.workers = workers
        self.patience = patience
        self.attempts = max(attempts, 1)
    }

    func status(at now: Duration) -> SupplyStatus {
        var status = SupplyStatus()
        status.joined = joined.count
        status.queued = queued.count
        status.starting = asked.count - status.queued
        status.note = status.queued > 0 ? note : ""
        status.fault = fault?.text
        status.retry = fault == nil ? nil : retryAt.flatMap { $0 > now ? $0 - now : nil }
        return status
    }

    /// The workers that wait in a queue.
    var queued: [String] { asked.filter { $0.value.state == .queued }.keys.sorted() }

    // MARK: What is to be done

    /// Returns what is to be done next.
    /// - Parameter own: the workers of this supply that are connected.
    mutating func next(_ demand: SupplyDemand, own: Set<String>, at now: Duration) -> Act {
        note(joined: own, at: now)
        (waitsSince, quietSince) = demand.waiting > 0 ? (waitsSince ?? now, nil) : (nil, quietSince ?? now)
        if let retryAt, now < retryAt { return .nothing }
        // Workers of an earlier daemon count.
        guard let lookedAt else { return .look }
        let overdue = asked.filter { isOverdue($0.value, at: now) }.keys.sorted()
        if !overdue.isEmpty { return .giveUp(overdue) }
        let isFresh = now - lookedAt <= Self.freshness
        let lacking = workers.lowerBound - joined.count - asked.count
        if lacking > 0 { return isFresh ? .start(lacking, stays: true) : .look }
        let more = wanted(demand, at: now)
        if more > 0 { return isFresh ? .start(more, stays: false) : .look }
        let unneeded = unneeded(at: now)
        if !unneeded.isEmpty { return isFresh ? .takeBack(unneeded) : .look }
        return !asked.isEmpty && now - lookedAt >= looks.pause(after: looks.count) ? .look : .nothing
    }

    private func isOverdue(_ worker: Asked, at now: Duration) -> Bool {
        switch worker.state {
        // How long that takes is the scheduler's.
        case .queued: false
        case .running: now - worker.since >= patience
        case .handedOver: now - worker.since >= max(patience, Self.longPatience)
        }
    }

    private mutating func note(joined own: Set<String>, at now: Duration) {
        if !own.subtracting(joined).isEmpty {
            joinedAt = now
            if asked.keys.contains(where: own.contains) { recover(pauses: true) }
        }
        for name in own { asked[name] = nil }
        excused.formUnion(own)
        joined = own
    }

    /// Forgets the fault, and how long pauses have become.
    private mutating func recover(pauses isOver: Bool) {
        (fault, retryAt) = (nil, nil)
        if isOver { pauses = Self.pausesAfterFaults }
    }

    /// Returns how many workers more are worth their start.
    private func wanted(_ demand: SupplyDemand, at now: Duration) -> Int {
        let room = workers.upperBound - joined.count - asked.count
        guard room > 0, let waitsSince, now - waitsSince >= Self.settling else { return 0 }
        let isRecent = startedAt.map { now - $0 < Self.worthwhile } ?? false
        if !asked.isEmpty, isRecent { return 0 }
        if let joinedAt, now - joinedAt < Self.trial { return 0 }
        let places = demand.places + asked.count * attempts
        let worth = min(Double(demand.waiting), demand.seconds / Self.worthwhile.seconds)
        let lacking = demand.busy + Int(worth) - places
        var more = lacking > 0 ? (lacking + attempts - 1) / attempts : 0
        let waitsLong = demand.longestWait >= Self.worthwhile && !isRecent && asked.isEmpty
        if places == 0 || waitsLong { more = max(more, 1) }
        return min(more, room)
    }

    /// Returns the workers in the queue that nobody needs.
    private func unneeded(at now: Duration) -> [String] {
        guard let quietSince, now - quietSince >= Self.quiet else { return [] }
        let queued = queued
        let kept = workers.lowerBound - joined.count - (asked.count - queued.count)
        return Array(queued.dropFirst(max(kept, 0)))
    }

    // MARK: What came of it

    mutating func started(_ workers: [SuppliedWorker], at now: Duration) {
        startedAt = now
        looks = Self.pausesBetweenLooks
        for worker in workers {
            excused.remove(worker.name)
            asked[worker.name] = Asked(state: worker.state, since: now)
        }
        // Pauses go on growing until one of them has joined.
        if fault?.stage == .starting { recover(pauses: false) }
    }

    /// Takes in which workers there are.
    /// - Returns: those that have ended before they joined.
    mutating func looked(_ found: [SuppliedWorker], at now: Duration) -> [String] {
        lookedAt = now
        _ = looks.next()
        if fault?.stage == .looking { recover(pauses: true) }
        let names = Set(found.map(\.name))
        let lost = asked.keys.filter { !names.contains($0) && !excused.contains($0) }.sorted()
        asked = asked.filter { names.contains($0.key) }
        for worker in found where !joined.contains(worker.name) {
            if let known = asked[worker.name], known.state == worker.state { continue }
            asked[worker.name] = Asked(state: worker.state, since: now)
            if startedAt == nil { startedAt = now }
        }
        note = found.first { $0.state == .queued && !$0.note.isEmpty }?.note ?? ""
        excused.formIntersection(names.union(joined))
        return lost
    }

    /// Takes in that workers were ended.
    mutating func ended(_ names: [String]) {
        if fault?.stage == .ending { recover(pauses: true) }
        for name in names {
            asked[name] = nil
            excused.insert(name)
        }
    }

    /// Takes in what could not be done and why. Nothing is done for a while.
    mutating func failed(_ stage: Stage, _ text: String, at now: Duration) {
        fault = Fault(stage: stage, text: text)
        retryAt = now + pauses.next()
    }
}
