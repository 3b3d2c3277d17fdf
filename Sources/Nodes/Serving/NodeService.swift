package import Attempts
import Foundation
import Glibc
import Synchronization
package import WorkerProtocol

/// A worker's side of the connections to a daemon on another machine: it takes orders and answers each. What is executed outlives a
/// connection: the daemon, or the next one, is told of it when the worker has joined again.
package final class NodeService: Sendable {
    /// Says why a connection has ended.
    package enum End: Sendable, Equatable {
        /// Nothing was to be done for as long as the worker waits for work.
        case idle
        /// The daemon is gone, or does not answer.
        case lost(String)
        /// The worker was told to end.
        case stopped
    }

    private struct State {
        var end: End?
        var isStopped = false
        /// The lot that is being received.
        var partial: [NodeWork.Order] = []
        var settings = ToldSettings()
        var connection: FrameConnection?
    }

    private let work: NodeWork
    private let idle: Duration?
    /// Connects an attempt that trains here with one who has come to help it, by its run.
    private let meet: @Sendable (Int64) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - executor: executes attempts, `places` at once.
    ///   - idle: the time without work after which the worker ends; nil for never.
    ///   - meet: connects an attempt that trains here with one who has come to help it, by its run.
    package init(executor: any AttemptExecutor, places: Int, idle: Duration?, meet: @escaping @Sendable (Int64) -> Void = { _ in }) {
        self.meet = meet
        work = NodeWork(executor, places: places)
        self.idle = idle
    }

    deinit { work.close() }

    /// Serves until the connection ends, there is nothing to do for long, or `stop` is called.
    /// - Parameter connection: a connection over which the worker has joined.
    package func serve(_ connection: FrameConnection, _ terms: JoinTerms) -> End {
        let isStopped = state.withLock { state in
            (state.end, state.partial, state.settings, state.connection) = (nil, [], ToldSettings(), connection)
            return state.isStopped
        }
        if isStopped { return .stopped }
        let held = work.connect(connection)
        if !held.isEmpty { connection.tell(.held(held)) }
        let beats = DispatchGroup()
        beats.enter()
        let thread = Thread { [self] in
            beat(connection, terms)
            beats.leave()
        }
        thread.name = "beat"
        thread.start()
        read(connection, terms)
        work.disconnect()
        beats.wait()
        return state.withLock { $0.end } ?? .stopped
    }

    /// Ends the service, and takes back what is executed.
    package func stop() {
        let connection = state.withLock { state in
            state.isStopped = true
            return state.connection
        }
        work.close()
        if let connection { end(.stopped, connection) }
    }

    private func end(_ reason: End, _ connection: FrameConnection) {
        state.withLock { state in if state.end == nil { state.end = reason } }
        connection.shutDown()
    }

    private var hasEnded: Bool { state.withLock { $0.end != nil } }

    // MARK: Reading

    private func read(_ connection: FrameConnection, _ terms: JoinTerms) {
        do throws(FrameError) {
            while let frame = try connection.receive(DaemonFrame.self, within: .seconds(terms.lease)) { try take(frame, connection) }
            end(.lost("it gave no sign of life for \(terms.lease) s"), connection)
        } catch {
            end(.lost("\(error)"), connection)
        }
    }

    private func take(_ frame: DaemonFrame, _ connection: FrameConnection) throws(FrameError) {
        switch frame {
        case .setting(let number, let setting): state.withLock { $0.settings.keep(setting, number) }
        case .score(let order):
            guard let setting = state.withLock({ $0.settings[order.setting] }) else { throw .malformed("an order of an unknown setting") }
            queue(order.spec(setting), order.reference, order.content, isFollowed: order.isFollowed)
        case .attempt(let reference, let spec, _): queue(spec, reference, nil, isFollowed: false)
        case .cancel(let reference, let cause): work.cancel(reference, cause)
        case .pause(let reference): work.attempt(reference)?.askForPause()
        case .goOn(let reference): work.goOn(reference)
        case .adopt(let reference): work.adopt(reference)
        case .probe(let probes):
            // To look may take long, and the daemon's next frames do not wait for that.
            Thread.detachNewThread { connection.tell(.seen(probes.map { $0.look() })) }
        case .claim(let reference): connection.tell(.claimed(reference: reference, range: work.ranges(of: reference)?.claim()))
        case .scored(let reference, let range, let part):
            // To see what another machine has written may take long.
            guard let ranges = work.ranges(of: reference) else { break }
            Thread.detachNewThread { ranges.end(range, part) }
        case .meet(let run):
            // To connect may take long.
            Thread.detachNewThread { [meet] in meet(run) }
        case .alive: break
        }
    }

    private func queue(_ spec: AttemptSpec, _ reference: AttemptReference, _ content: [UInt8]?, isFollowed: Bool) {
        let order = NodeWork.Order(reference: reference, spec: spec, content: content, attempt: RemoteAttempt(reference, work))
        let lot: [NodeWork.Order]? = state.withLock { state in
            state.partial.append(order)
            guard !isFollowed else { return nil }
            defer { state.partial = [] }
            return state.partial
        }
        if let lot { work.put(lot) }
    }

    // MARK: Signs of life

    private func beat(_ connection: FrameConnection, _ terms: JoinTerms) {
        var next = ContinuousClock.now
        while !hasEnded {
            if next <= .now {
                connection.tell(.alive)
                next = .now + .seconds(terms.heartbeat)
            }
            if let idle, work.isIdle(for: idle) {
                connection.tell(.leaving)
                return end(.idle, connection)
            }
            usleep(100_000)
        }
    }
}
