/// Limits what one attempt may take, as a pipeline or `millrace.yaml` says. Nil stands for the default.
package struct Limits: Sendable, Equatable {
    /// The time for an attempt, without the time for which it is paused; nil sets no limit.
    package var time: Duration?
    /// The time for each reading, check or loading of a model; nil means five minutes.
    package var loadTime: Duration?
    /// The memory in bytes; nil means half of the machine's memory.
    package var memory: Int?
    /// The number of open files; nil means the number that the system gives to a process.
    package var openFiles: Int?

    package init(time: Duration? = nil, loadTime: Duration? = nil, memory: Int? = nil, openFiles: Int? = nil) {
        self.time = time
        self.loadTime = loadTime
        self.memory = memory
        self.openFiles = openFiles
    }

    /// The least memory that can be given to an attempt: a smaller number would be a mistake and no limit.
    static let leastMemory = 64 << 20
    private static let longTime = Duration.seconds(365 * 86_400)

    /// Reads the section `limits`.
    /// - Parameter defaults: the limits for keys that are left out.
    init(_ top: Section, defaults: Limits = Limits()) {
        let section = top.section("limits", keys: ["time", "load_time", "memory", "open_files"])
        time = section?.duration("time", in: .milliseconds(1)...Self.longTime) ?? defaults.time
        loadTime = section?.duration("load_time", in: .milliseconds(1)...Self.longTime) ?? defaults.loadTime
        memory = section?.byteCount("memory", atLeast: Self.leastMemory) ?? defaults.memory
        openFiles = section?.integer("open_files", in: 32...1_000_000) ?? defaults.openFiles
    }
}
