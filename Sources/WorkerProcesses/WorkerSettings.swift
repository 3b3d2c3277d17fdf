/// How worker processes are started.
struct WorkerSettings: Sendable {
    /// The path of the worker program.
    var program: String
    /// What the sessions of one process may cost, by the bytes of their models.
    var sessionBytes: Int
    /// How they are connected.
    var transport = WorkerTransport.local
    /// Where each process gets a control group of its own, if it is not nil.
    var delegated: DelegatedGroup?
}
