package import WorkerProtocol

/// Holds what a worker that joins says of itself first.
package struct JoinHello: Codable, Sendable, Hashable {
    /// The version of the protocol, and that of the program.
    package var frames: Int
    package var build: String
    package var host: String
    package var process: Int32
    /// The number of attempts that it executes at once.
    package var places: Int
    /// Tells whether the processes in which the worker computes are confined in all that the daemon's would be.
    package var isConfined: Bool
    /// The number that the worker has drawn for this connection.
    package var nonce: String
    /// The name of the worker where somebody who starts workers has given it one, such as `12_3` for task 3 of Slurm's job 12.
    package var name: String?
    /// What the connection is for where it is no worker's.
    package var meeting: Meeting?

    /// Names a connection between one who trains and one who helps.
    package enum Meeting: Codable, Sendable, Hashable {
        /// It comes from one who helps in the run.
        case helps(run: Int64)
        /// It comes from one who trains in the run, and to whom one has come who helps.
        case trains(run: Int64)
    }

    package init(
        build: String, host: String, process: Int32, places: Int, name: String? = nil, isConfined: Bool = true, meeting: Meeting? = nil
    ) {
        self.meeting = meeting
        frames = WorkerHello.currentFrames
        self.build = build
        self.host = host
        self.process = process
        self.places = places
        self.name = name
        self.isConfined = isConfined
        nonce = WorkerToken.nonce()
    }

    /// Returns what both sides have said once the daemon has drawn its number, as the proofs cover it.
    func transcript(_ challenge: String) -> [String] {
        [nonce, challenge, "\(frames)", build, host, "\(process)", "\(places)", name ?? "", "\(isConfined)", meeting.map { "\($0)" } ?? ""]
    }
}

/// Holds what the daemon tells a worker that has joined.
package struct JoinTerms: Codable, Sendable, Hashable {
    /// The seconds from one sign of life to the next, of both sides.
    package var heartbeat: Double
    /// The seconds without a sign of life after which the other side counts as lost.
    package var lease: Double

    package init(heartbeat: Double = 2, lease: Double = 15) {
        self.heartbeat = heartbeat
        self.lease = lease
    }
}

/// Holds what is said before a worker gets work: who it is, that both know the token, and that both see the same folders.
package enum JoinFrame: Codable, Sendable {
    /// The worker begins.
    case hello(JoinHello)
    /// The daemon draws a number and shows that it knows the token.
    case challenge(nonce: String, proof: String)
    /// The worker shows the same.
    case proof(String)
    /// The daemon asks what the worker sees of its folders.
    case probe([FolderProbe])
    case seen([FolderProbe.Sight])
    case welcome(JoinTerms)
    case refused(String)
}

extension JoinFrame: QuickFrame {
    package func quickLine() -> [UInt8]? { nil }
    package static func quick(_ line: UnsafeRawBufferPointer) -> JoinFrame? { nil }
}
