/// How worker processes are started.
struct WorkerSettings: Sendable {
    /// The path of the worker program.
    var program: String
    /// What the sessions of one process may cost, by the bytes of their models.
    var sessionBytes: Int
    /// The path of the folder of large models as the engine maps them; nil lets each process load all models for itself.
    var prepared: String?
    /// How they are connected.
    var transport = WorkerTransport.local
    /// Where each process gets a control group of its own, if it is not nil.
    var delegated: DelegatedGroup?

    /// What the program is told.
    var arguments: [String] { ["--session-bytes", "\(sessionBytes)"] + (prepared.map { ["--prepared", $0] } ?? []) }
}
