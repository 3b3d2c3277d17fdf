internal import Reasons

/// Reads `ROOT/millrace.yaml`, with the same checks as a pipeline: positions, near spellings, unknown keys by name.
enum RootReader {
    static let keys = [
        "workers", "jobs", "threads", "sessions", "confinement", "state", "work", "limits", "land", "notify", "retain", "trust", "sign",
        "executor",
    ]

    /// Returns the settings that could be read; nil where the file cannot be read at all.
    static func read(path: String, root: String, problems: ProblemList) -> RootSettings? {
        let bytes: [UInt8]
        do {
            bytes = try PipelineFile.contents(of: path)
        } catch {
            problems.add(error.rule, Position(line: 1, column: 1), "", error.fault, error.remedy)
            return nil
        }
        switch YAMLDocument.read(bytes, mayBeEmpty: true, problems: problems) {
        case .empty: return RootSettings(root: root)
        case .unreadable: return nil
        case .node(let node):
            let reading = ReadingContext(problems: problems, root: root, file: .root)
            return Section(node, "", keys: keys, in: reading).map { settings($0, root: root) }
        }
    }

    private static func settings(_ top: Section, root: String) -> RootSettings {
        var settings = RootSettings(root: root)
        // With workers on other machines, this one need have none.
        settings.workers = top.integer("workers", in: (top.has("executor") ? 0 : 1)...4096)
        // This is the former name of the key.
        let jobs = top.integer("jobs", in: 1...4096)
        if settings.workers != nil, jobs != nil {
            top.refuse(.contradiction, "jobs", "`workers` says the same", "remove it")
        }
        settings.workers = settings.workers ?? jobs
        settings.sessions = top.byteCount("sessions", atLeast: 1 << 20) ?? settings.sessions
        settings.confinement = top.choice("confinement", of: ConfinementMode.self) ?? settings.confinement
        settings.threads = top.integer("threads", in: 1...4096)
        settings.state = top.folder("state") ?? settings.state
        settings.work = top.folder("work") ?? settings.state
        if settings.state == CanonicalPaths.absolute(".", root: root) {
            top.refuse(.badValue, "state", "the state cannot be the root itself", "write a folder of its own, like .millrace")
        }
        if top.has("work"), settings.work == CanonicalPaths.absolute(".", root: root) {
            top.refuse(.badValue, "work", "the work folder cannot be the root itself", "write a folder of its own, like work")
        }
        settings.executor = ExecutorReader.executor(top, work: settings.work)
        settings.limits = Limits(top)
        settings.retain = RetainReader.retain(top, defaults: Retain())
        settings.notify = NotifyReader.targets(top)
        settings.trust = TrustReader.trust(top, defaults: Trust())
        settings.sign = top.folder("sign").map { SigningKeyFile(path: $0) }
        if let fault = settings.sign?.fault() {
            top.refuse(.badValue, "sign", fault, "name a private key of mode 600, as `millrace keys new` writes it")
        }
        guard let land = top.section("land", keys: ["models", "outputs", "mode", "group"]) else { return settings }
        settings.keep = land.section("models", keys: ["keep"])?.integer("keep", in: 1...1_000_000) ?? settings.keep
        settings.format = land.section("outputs", keys: ["format"])?.choice("format", of: OutputFormat.self) ?? settings.format
        settings.access = land.landAccess()
        return settings
    }
}
