package import Attempts
import Foundation
import Glibc
import Synchronization
package import WorkerProcesses
package import WorkerProtocol

/// Listens for workers from elsewhere, lets in those who may join, and reads what they say. Each connection has a thread.
package final class JoinListener: Sendable {
    private let listener: FrameListener
    private let gatekeeper: Gatekeeper
    private let terms: JoinTerms
    private let roster: Roster
    private let courier: InputCourier
    private let certificate: DaemonCertificate?
    private let meetings: HelperMeetings?
    private let trainings: AwayTrainings
    private let tell: @Sendable (String) -> Void
    private let isClosed = Atomic(false)
    /// The number of connections of which it is not known who they are.
    private let strangers = Atomic(0)

    /// The seconds for which a worker keeps what it had before it joined.
    private static let heldPatience = 60.0
    /// The most such connections at a time.
    private static let mostStrangers = 64

    /// - Parameters:
    ///   - address: `HOST:PORT`; port 0 stands for one that is free.
    ///   - certificate: by which TLS is spoken; nil where it is not.
    ///   - contents: the contents of small files, which travel with the orders.
    ///   - meetings: brings those who help to the attempts that train on this machine; nil where none do.
    ///   - trainings: leads them to those that other workers execute.
    ///   - tell: says who has joined and who is lost.
    package init(
        on address: String, certificate: DaemonCertificate? = nil, gatekeeper: Gatekeeper, terms: JoinTerms = JoinTerms(), roster: Roster,
        contents: SmallContents?, meetings: HelperMeetings? = nil, trainings: AwayTrainings = AwayTrainings(),
        tell: @escaping @Sendable (String) -> Void
    ) throws(FrameError) {
        listener = try FrameListener(on: address)
        self.certificate = certificate
        self.gatekeeper = gatekeeper
        self.terms = terms
        self.roster = roster
        courier = InputCourier(contents: contents)
        self.meetings = meetings
        self.trainings = trainings
        self.tell = tell
    }

    package var port: UInt16 { listener.port }

    package func start() {
        let thread = Thread { [self] in listen() }
        thread.name = "nodes"
        thread.start()
    }

    /// Takes no more workers, and ends the connections of all.
    package func close() {
        isClosed.store(true, ordering: .relaxed)
        roster.dismissAll()
    }

    private func listen() {
        while !isClosed.load(ordering: .relaxed) {
            guard let socket = (try? listener.acceptSocket(within: .seconds(1))) ?? nil else { continue }
            guard strangers.load(ordering: .relaxed) < Self.mostStrangers else {
                Glibc.close(socket)
                continue
            }
            _ = strangers.add(1, ordering: .relaxed)
            let thread = Thread { [self] in greet(socket) }
            thread.name = "node"
            thread.start()
        }
    }

    private func greet(_ socket: Int32) {
        guard let connection = try? connection(over: socket) else {
            // Nothing is said of it, as of those who do not know the token: the worker itself says why it has not joined.
            _ = strangers.subtract(1, ordering: .relaxed)
            return
        }
        serve(connection)
    }

    private func connection(over socket: Int32) throws(JoinError) -> FrameConnection {
        guard let certificate else { return FrameConnection(socket) }
        let session: SecureSession
        do throws(TLSError) { session = try SecureSession(accepting: socket, certificate) } catch {
            throw .tls(error)
        }
        do throws(FrameError) { return try SecureTunnel.open(session) } catch { throw .connection(error) }
    }

    private func serve(_ connection: FrameConnection) {
        let admitted: (hello: JoinHello, shared: [SharedFolder])
        // A socket that is shut down does not know any more whose it was.
        let peer = connection.peer
        do throws(JoinError) {
            admitted = try gatekeeper.admit(connection)
            _ = strangers.subtract(1, ordering: .relaxed)
        } catch {
            _ = strangers.subtract(1, ordering: .relaxed)
            connection.shutDown()
            // Nothing is said of those who do not know the token: anybody can connect.
            if case .refused(let why) = error {
                roster.refused(peer, why)
                tell("a worker of \(peer) cannot join: \(why)")
            }
            return
        }
        let hello = admitted.hello
        if let meeting = hello.meeting { return lead(connection, meeting) }
        let worker = JoinedWorker(roster.nextNumber(), hello, connection, terms, shared: admitted.shared, courier)
        roster.add(worker, from: peer)
        tell("worker \(worker.number) has joined from \(hello.host), process \(hello.process), with \(hello.places) places")
        // What nobody has taken over by then is not wanted.
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.heldPatience) { [weak worker] in worker?.voidHeld() }
        let why = worker.read()
        roster.remove(worker, worker.hasLeft ? nil : why)
        if !isClosed.load(ordering: .relaxed) { tell("worker \(worker.number) of \(hello.host) is gone: \(why)") }
    }

    /// Leads one who helps to the attempt that trains, here or elsewhere, and one who trains elsewhere to one who helps.
    private func lead(_ connection: FrameConnection, _ meeting: JoinHello.Meeting) {
        guard let channel = connection.duplicate() else { return }
        switch meeting {
        case .helps(let run):
            if trainings.helping(run) == nil, let meetings {
                _ = meetings.come(to: run, over: channel)
            } else {
                trainings.come(to: run, over: channel)
            }
        case .trains(let run): trainings.answer(for: run, over: channel)
        }
    }
}
