import Attempts
import FileSystem
package import WorkerProtocol

/// The daemon's side of a worker's joining: it lets in who knows the token, runs the same version, and sees the same folders.
package struct Gatekeeper: Sendable {
    private let token: WorkerToken
    private let folders: @Sendable () -> [SharedFolder]
    private let terms: JoinTerms
    private let build: String
    private let requiresConfinement: Bool

    /// The time for each answer of somebody who wants to join.
    private static let patience: Duration = .seconds(20)
    /// The most bytes of a frame of somebody who has not joined.
    private static let largestFrame = 1 << 20

    /// - Parameters:
    ///   - requiresConfinement: whether only workers that confine their processes may join.
    ///   - folders: returns the folders that attempts use now.
    package init(
        token: WorkerToken, terms: JoinTerms = JoinTerms(), build: String = toolVersion, requiresConfinement: Bool = false,
        folders: @escaping @Sendable () -> [SharedFolder]
    ) {
        self.token = token
        self.folders = folders
        self.terms = terms
        self.build = build
        self.requiresConfinement = requiresConfinement
    }

    /// Talks with somebody who has connected.
    /// - Returns: what the worker says of itself, and the folders that it was seen to share.
    package func admit(_ connection: FrameConnection) throws(JoinError) -> (hello: JoinHello, shared: [SharedFolder]) {
        connection.setLargestFrame(Self.largestFrame)
        guard case .hello(let hello) = try connection.next(within: Self.patience) else { throw .unexpected }
        guard hello.frames == WorkerHello.currentFrames, hello.build == build else {
            throw refuse(connection, "it is version \(hello.build) and the daemon \(build): install the same version on both machines")
        }
        let nonce = WorkerToken.nonce(), transcript = hello.transcript(nonce)
        try connection.say(.challenge(nonce: nonce, proof: token.proof(of: .daemon, over: transcript)))
        guard case .proof(let proof) = try connection.next(within: Self.patience) else { throw .unexpected }
        guard token.isProof(proof, of: .worker, over: transcript) else { throw .wrongToken }
        guard 1...4096 ~= hello.places else { throw refuse(connection, "it has \(hello.places) places") }
        guard hello.isConfined || !requiresConfinement else {
            throw refuse(connection, "millrace.yaml says `confinement: required`, and its processes are not confined")
        }
        guard hello.meeting == nil else {
            // Its worker has shown which folders it sees.
            try connection.say(.welcome(terms))
            return (hello, [])
        }
        let question = FolderProof(folders())
        defer { question.remove() }
        try connection.say(.probe(question.probes))
        guard case .seen(let sights) = try connection.next(within: Self.patience * 2) else { throw .unexpected }
        if let fault = question.fault(in: sights) { throw refuse(connection, fault) }
        try connection.say(.welcome(terms))
        connection.setLargestFrame(FrameConnection.largestFrame)
        return (hello, question.folders)
    }

    private func refuse(_ connection: FrameConnection, _ why: String) -> JoinError {
        try? connection.send(JoinFrame.refused(why))
        return .refused(why)
    }
}

/// The worker's side of its joining.
package struct Joining: Sendable {
    private let token: WorkerToken
    /// The time for each answer of the daemon, which may look for what the worker has written for a while.
    private static let patience: Duration = .seconds(30)

    package init(token: WorkerToken) { self.token = token }

    /// Joins the daemon that was connected to. Nothing that it asks for is done before it has shown that it knows the token.
    package func join(_ connection: FrameConnection, as hello: JoinHello) throws(JoinError) -> JoinTerms {
        try connection.say(.hello(hello))
        guard case .challenge(let nonce, let proof) = try answer(connection) else { throw .unexpected }
        let transcript = hello.transcript(nonce)
        guard token.isProof(proof, of: .daemon, over: transcript) else { throw .wrongToken }
        try connection.say(.proof(token.proof(of: .worker, over: transcript)))
        if hello.meeting == nil {
            guard case .probe(let probes) = try answer(connection) else { throw .unexpected }
            try connection.say(.seen(probes.map { $0.look() }))
        }
        guard case .welcome(let terms) = try answer(connection) else { throw .unexpected }
        return terms
    }

    private func answer(_ connection: FrameConnection) throws(JoinError) -> JoinFrame {
        let frame = try connection.next(within: Self.patience)
        if case .refused(let why) = frame { throw .refused(why) }
        return frame
    }
}

extension FrameConnection {
    fileprivate func say(_ frame: JoinFrame) throws(JoinError) {
        do throws(FrameError) { try send(frame) } catch { throw .connection(error) }
    }

    fileprivate func next(within patience: Duration) throws(JoinError) -> JoinFrame {
        let frame: JoinFrame?
        do throws(FrameError) { frame = try receive(JoinFrame.self, within: patience) } catch { throw .connection(error) }
        guard let frame else { throw .silent }
        return frame
    }
}
