import Attempts
import Machine
import WorkerProtocol

extension NodeWork {
    struct Order: Sendable {
        let reference: AttemptReference
        let spec: AttemptSpec
        let content: [UInt8]?
        let attempt: RemoteAttempt
        /// Tells whether it was handed out together with others.
        var isOfLot = false

        /// Tells whether it makes a model, and so needs no place. One that helps with that has one.
        var trains: Bool { spec.training != nil && !spec.isHelp }

        /// Tells whether the attempt goes on where the connection to the daemon breaks.
        var outlivesConnection: Bool { !isOfLot && !spec.isHelp }
    }

    /// Tells of an attempt of an earlier connection that the daemon has not asked for.
    enum Orphan {
        case underWay
        case ended(AttemptResult)
    }

    /// Knows what there is to do, and decides what may be executed.
    struct State {
        /// The lots that wait for a place.
        var waiting: [[Order]] = []
        /// The lots that have one, and that no thread has taken yet.
        var ready: [[Order]] = []
        /// The first attempt of each lot that is executed or ready.
        var executing: [AttemptReference: Order] = [:]
        /// The attempts that have paused.
        var paused: Set<AttemptReference> = []
        /// The threads, and those of them that have nothing to do.
        var (threads, idle) = (0, 0)
        /// The attempts that wait or are executed.
        var orders: [AttemptReference: Order] = [:]
        /// What gives ranges of large files to others, for the attempts that are about one.
        var ranges: [AttemptReference: OwnRanges] = [:]
        var orphans: [AttemptReference: Orphan] = [:]
        var lastWork = ContinuousClock.now
        var connection: FrameConnection?
        /// The machine that the daemon knows of.
        var machine: AttemptMachine?
        var isClosed = false

        /// Takes the first lot that waits and may be executed, among so many places.
        mutating func takeNext(_ places: Int) -> [Order]? {
            let holding = executing.values.filter { !$0.trains && !paused.contains($0.reference) }
            let wanted = holding.count { orphans[$0.reference] == nil }
            let next = waiting.firstIndex { lot in
                lot[0].trains || (orphans[lot[0].reference] == nil ? wanted : holding.count) < places
            }
            guard let next else { return nil }
            let lot = waiting.remove(at: next)
            executing[lot[0].reference] = lot[0]
            return lot
        }
    }
}
