import Attempts
import FileSystem
import Foundation
import Glibc
import Synchronization
import SystemPackage
import WorkerProtocol

/// Knows the trainings that workers from elsewhere execute, and leads those who help to them: the daemon is the one whom all can reach. The
/// machine on which somebody trains is told that one has come, and connects for it; what both say then passes through the daemon.
package final class AwayTrainings: Sendable {
    private struct Training {
        let worker: JoinedWorker
        let helping: AttemptSpec
        /// The connections to those who have come, to whom the trainer's machine has not connected yet.
        var waiting: [FileDescriptor] = []
        var relays: [Relay] = []
    }

    private let trainings = Mutex<[Int64: Training]>([:])

    /// The most who may wait for one run.
    private static let mostWaiting = 64

    package init() {}

    /// Leads those who help to an attempt while `body` runs.
    /// - Parameter helping: the spec by which one helps it.
    func with<Result>(_ worker: JoinedWorker, _ helping: AttemptSpec, _ body: () -> Result) -> Result {
        trainings.withLock { $0[helping.run] = Training(worker: worker, helping: helping) }
        defer {
            let left = trainings.withLock { $0.removeValue(forKey: helping.run) }
            for connection in left?.waiting ?? [] { Disk.close(connection) }
            // A machine that is lost does not end its connections.
            for relay in left?.relays ?? [] { relay.end() }
        }
        return body()
    }

    /// Returns the spec by which one helps a run that is trained elsewhere; nil where it is not.
    func helping(_ run: Int64) -> AttemptSpec? { trainings.withLock { $0[run]?.helping } }

    /// Connects one on this machine who has come to help; nil where the run is not trained elsewhere.
    func connect(toHelp run: Int64) -> FileDescriptor? {
        guard helping(run) != nil, let ends = try? FrameConnection.pair() else { return nil }
        guard come(to: run, over: FileDescriptor(rawValue: ends.own)) else {
            Glibc.close(ends.other)
            return nil
        }
        return FileDescriptor(rawValue: ends.other)
    }

    /// Takes one who has come to help, and has the trainer's machine connect. The connection is this object's.
    /// - Returns: whether the run is trained elsewhere.
    @discardableResult
    func come(to run: Int64, over connection: FileDescriptor) -> Bool {
        let worker: JoinedWorker? = trainings.withLock { trainings in
            guard let training = trainings[run], training.waiting.count < Self.mostWaiting else { return nil }
            trainings[run]?.waiting.append(connection)
            return training.worker
        }
        guard let worker else {
            Disk.close(connection)
            return false
        }
        worker.tell(.meet(run: run))
        return true
    }

    /// Takes the connection of a machine on which somebody trains, for one who has come to help.
    func answer(for run: Int64, over connection: FileDescriptor) {
        let relay: Relay? = trainings.withLock { trainings in
            guard let helper = trainings[run]?.waiting.first else { return nil }
            let relay = Relay(helper, connection)
            trainings[run]?.waiting.removeFirst()
            trainings[run]?.relays.removeAll(where: \.hasEnded)
            trainings[run]?.relays.append(relay)
            return relay
        }
        guard let relay else { return Disk.close(connection) }
        relay.start()
    }
}

/// Passes on what two connections say to each other, until one of them ends.
private final class Relay: Sendable {
    private let ends: (FileDescriptor, FileDescriptor)
    private let isOver = Atomic(false)

    private static let piece = 1 << 20

    init(_ one: FileDescriptor, _ other: FileDescriptor) { ends = (one, other) }

    deinit {
        Disk.close(ends.0)
        Disk.close(ends.1)
    }

    var hasEnded: Bool { isOver.load(ordering: .relaxed) }

    /// Ends both connections.
    func end() {
        isOver.store(true, ordering: .relaxed)
        for end in [ends.0, ends.1] { shutdown(end.rawValue, Int32(SHUT_RDWR)) }
    }

    func start() {
        for (from, to) in [ends, (ends.1, ends.0)] {
            let thread = Thread { [self] in
                pass(from.rawValue, to.rawValue)
                end()
            }
            thread.name = "relay"
            thread.start()
        }
    }

    private func pass(_ from: Int32, _ to: Int32) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.piece, alignment: 64)
        defer { buffer.deallocate() }
        while true {
            let count = recv(from, buffer.baseAddress, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            var sent = 0
            while sent < count {
                let taken = send(to, buffer.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                if taken < 0, errno == EINTR { continue }
                guard taken > 0 else { return }
                sent += taken
            }
        }
    }
}
