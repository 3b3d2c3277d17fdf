import PipelineConfig

/// Says how worker processes are started.
struct WorkerSettings: Sendable {
    /// The path of the worker program.
    var program: String
    /// The most that the sessions of one process may cost, by the bytes of their models.
    var sessionBytes: Int
    /// The path of the folder of large models as the engine maps them; nil lets each process load all models for itself.
    var prepared: String?
    /// Tells whether they are confined, where they are connected by a pair of sockets.
    var confinement = ConfinementMode.auto
    /// The way in which they are connected.
    var transport = WorkerTransport.local
    /// The group below which each process gets a control group of its own; nil for none.
    var delegated: DelegatedGroup?
    /// Connects attempts that train with those that help them.
    let meetings = HelperMeetings()

    /// The arguments that the program gets.
    var arguments: [String] { ["--session-bytes", "\(sessionBytes)"] + (prepared.map { ["--prepared", $0] } ?? []) + confined }

    private var confined: [String] { transport == .local ? ["--confinement", confinement.rawValue] : [] }
}
