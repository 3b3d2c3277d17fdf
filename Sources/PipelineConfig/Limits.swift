/// What one attempt may take, as a pipeline or `millrace.yaml` says. Nil: what holds without a word.
package struct Limits: Sendable, Equatable {
    /// Without the time for which it is paused; nil: as long as it takes.
    package var time: Duration?
    /// For each time that a model is read, checked or loaded; nil: five minutes.
    package var loadTime: Duration?
    /// In bytes; nil: half of the machine's memory.
    package var memory: Int?
    /// Nil: what the system gives a process.
    package var openFiles: Int?

    package init(time: Duration? = nil, loadTime: Duration? = nil, memory: Int? = nil, openFiles: Int? = nil) {
        self.time = time
        self.loadTime = loadTime
        self.memory = memory
        self.openFiles = openFiles
    }

    /// The least memory that can be given to an attempt: what lies below is no limit but a mistake.
    static let leastMemory = 64 << 20
    private static let longTime = Duration.seconds(365 * 86_400)

    /// Reads the section `limits`.
    /// - Parameter defaults: what holds for keys that are left out.
    init(_ top: Section, defaults: Limits = Limits()) {
        let section = top.section("limits", keys: ["time", "load_time", "memory", "open_files"])
        time = section?.duration("time", in: .milliseconds(1)...Self.longTime) ?? defaults.time
        loadTime = section?.duration("load_time", in: .milliseconds(1)...Self.longTime) ?? defaults.loadTime
        memory = section?.byteCount("memory", atLeast: Self.leastMemory) ?? defaults.memory
        openFiles = section?.integer("open_files", in: 32...1_000_000) ?? defaults.openFiles
    }
}
