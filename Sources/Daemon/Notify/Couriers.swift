import Arrivals
import FileSystem
import Foundation
import Ledger
import Logging
import PipelineConfig
import Synchronization

/// Delivers the notifications in the ledger's outbox: each target has a thread, so that neither the pipelines nor the other targets wait
/// for one. What is not delivered is tried later, also by the next daemon; what was delivered and not recorded as delivered is delivered
/// again, under the same id.
final class Couriers: Sendable {
    private struct State {
        var targets: [String: NotifyTarget] = [:]
        var limits: [String: Duration] = [:]
        var threads: [String: NamedThread] = [:]
    }

    private let ledger: RunLedger
    private let log: Logger
    private let state = Mutex(State())
    private let isClosing = Atomic(false)
    private let isStopped = Atomic(false)

    /// The seconds between two looks into the outbox.
    private static let interval = 0.25
    private static let longWaitInterval: Duration = .seconds(5)
    /// The time for which a target may refuse one event before the event is given up.
    private static let patience: Duration = .seconds(7 * 86_400)
    /// The pauses between the attempts to deliver one event.
    private static let pauses = GrowingPauses(longest: .seconds(600))

    init(ledger: RunLedger, log: Logger) {
        self.ledger = ledger
        self.log = log
    }

    /// Puts in force who is told of what, at the start and after an edit.
    func use(_ settings: RootSettings, _ pipelines: [Pipeline]) {
        var routes = NotificationRoutes()
        var limits: [String: Duration] = [:]
        for pipeline in pipelines {
            let notify = pipeline.notify
            for (kind, names) in [
                (NotificationKind.published, notify.published), (.rejected, notify.rejected), (.quarantined, notify.quarantined),
                (.waitingLong, notify.waitingLong),
            ] where !names.isEmpty { routes.add(names, of: kind, in: pipeline.name) }
            if !notify.waitingLong.isEmpty { limits[pipeline.name] = notify.waitingLongAfter }
        }
        ledger.use(routes)
        do throws(LedgerError) {
            let now = UTCTime.now
            if try ledger.untold().contains(where: { $0.count > 0 && settings.notify[$0.target] == nil }) {
                let count = try ledger.write { (tx) throws(LedgerError) in
                    try tx.giveUpNotifications(except: Array(settings.notify.keys), at: now)
                }
                log.warning("notifications for targets that millrace.yaml no longer names are given up", metadata: ["count": "\(count)"])
            }
        } catch {
            log.warning("the outbox cannot be read", metadata: ["reason": "\(error)"])
        }
        state.withLock { state in
            state.targets = settings.notify
            state.limits = limits
            for name in settings.notify.keys where state.threads[name] == nil {
                state.threads[name] = NamedThread("notify-\(name)") { [self] in deliver(to: name) }
            }
            if !limits.isEmpty, state.threads[""] == nil { state.threads[""] = NamedThread("notify") { [self] in watchWaits() } }
        }
    }

    /// Ends the threads once they have told what is due, or at the latest when `patience` is over.
    func stop(within patience: Duration) async {
        isClosing.store(true, ordering: .relaxed)
        let end = DispatchWorkItem { [self] in isStopped.store(true, ordering: .relaxed) }
        DispatchQueue.global().asyncAfter(deadline: .now() + patience.seconds, execute: end)
        let threads = state.withLock { Array($0.threads.values) }
        for thread in threads { await thread.join() }
        end.cancel()
    }

    private var mustStop: Bool { isStopped.load(ordering: .relaxed) }

    // MARK: One target

    private func deliver(to name: String) {
        var failures = GrowingPauses()
        while !mustStop {
            guard let target = state.withLock({ $0.targets[name] }) else {
                if isClosing.load(ordering: .relaxed) { return }
                Thread.sleep(forTimeInterval: Self.interval)
                continue
            }
            // This is asked before the outbox is read, so that what was put into it before the closing is seen.
            let isLast = isClosing.load(ordering: .relaxed)
            let due = (try? ledger.dueNotifications(for: name, at: .now)) ?? []
            guard let next = due.first else {
                if isLast { return }
                Thread.sleep(forTimeInterval: Self.interval)
                continue
            }
            let outcome = Delivery(target: target, isStopped: { [self] in mustStop }).deliver(next.body)
            do throws(LedgerError) {
                try note(outcome, of: next, for: name)
            } catch {
                log.warning("what was told cannot be noted, and will be told again", metadata: ["target": "\(name)", "reason": "\(error)"])
                pause(.seconds(5))
            }
            switch outcome {
            case .told: failures = GrowingPauses()
            case .failed: pause(failures.next())
            case .stopped: return
            }
        }
    }

    private func note(_ outcome: Delivery.Outcome, of due: DueNotification, for name: String) throws(LedgerError) {
        let now = UTCTime.now
        switch outcome {
        case .stopped: break
        case .told:
            FaultPoint.reach(.notifyTold)
            try ledger.write(durably: false) { (tx) throws(LedgerError) in try tx.delivered(due.id) }
            FaultPoint.reach(.notifyNoted)
        case .failed(let why):
            let isHopeless = due.at.advanced(by: Self.patience) <= now
            let delay = Self.pauses.pause(after: due.attempts)
            try ledger.write(durably: false) { (tx) throws(LedgerError) in
                try tx.notTold(due.id, error: why, next: isHopeless ? nil : now.advanced(by: delay), at: now)
            }
            if due.attempts == 0 || isHopeless {
                log.warning(
                    isHopeless ? "a notification is given up" : "a notification could not be delivered; it is tried again",
                    metadata: ["target": "\(name)", "reason": "\(why)"])
            }
        }
    }

    /// Sleeps for that time, or until closing begins.
    private func pause(_ duration: Duration) {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end, !isClosing.load(ordering: .relaxed) { Thread.sleep(forTimeInterval: 0.05) }
    }

    // MARK: What waits long

    private func watchWaits() {
        while !isClosing.load(ordering: .relaxed) {
            let limits = state.withLock(\.limits)
            if !limits.isEmpty {
                do throws(LedgerError) {
                    try ledger.write(durably: false) { (tx) throws(LedgerError) in try tx.announceLongWaits(limits, at: .now) }
                } catch {
                    log.warning("what waits long cannot be told", metadata: ["reason": "\(error)"])
                }
            }
            // Where a limit is short, waits are looked at twice in its time, so that the news of one is at most half of it late.
            pause(min(Self.longWaitInterval, (limits.values.min() ?? .seconds(5)) / 2))
        }
    }
}
