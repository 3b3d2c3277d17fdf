internal import Reasons
internal import Recipes

/// Reads the document's sections into a ``Pipeline``. There is one function for each section. Each falls back to the default where a value
/// was refused, so that the rest of the file is still read; the pipeline is returned only if no problem was found.
struct PipelineReader {
    static let dataExtensions = [
        "csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst", "parquet", "arrow", "npy", "npz",
    ]
    /// The extensions of all table formats: `include` may have these, and `include: all` has all of them.
    static let allDataExtensions =
        ["csv", "tsv", "jsonl", "ndjson", "json"].flatMap { [$0, $0 + ".gz", $0 + ".zst"] }
        + ["parquet", "pq", "arrow", "arrows", "feather", "ipc", "npy", "npz"]
    static let modelExtensions = ["onnx"]
    private static let longTime = Duration.seconds(365 * 86_400)

    private let reading: ReadingContext
    private let top: Section

    static let keys = [
        "name", "spool", "order", "settle", "schema", "stages", "land", "after", "archive", "allow_upstream_delete", "on_error", "limits",
        "on_input_deleted", "notify", "retain", "trust", "was", "privacy",
    ]

    static func read(_ root: Node, source: String, in reading: ReadingContext) -> Pipeline? {
        guard let top = Section(root, "", keys: keys, in: reading) else { return nil }
        return PipelineReader(reading: reading, top: top).pipeline(source: source)
    }

    private func pipeline(source: String) -> Pipeline? {
        let name = name()
        let spool = spool()
        let schema = SchemaReader(top).schema()
        let stages = StageReader(top).stages(classes: schema.classes)
        let land = land()
        let after = after()
        let pipeline = Pipeline(
            name: name, source: source, spool: spool, order: order(spool), settle: settle(), schema: schema, stages: stages.read,
            land: land, after: after,
            allowUpstreamDelete: top.boolean("allow_upstream_delete") ?? false, onError: onError(name: name),
            limits: Limits(top, defaults: reading.defaults.limits),
            onInputDeleted: onInputDeleted(spool, after), notify: NotifyReader.notify(top),
            retain: RetainReader.retain(top, defaults: reading.defaults.retain),
            trust: TrustReader.trust(top, defaults: reading.defaults.trust), was: was(name),
            privacy: PrivacyReader(top).privacy(),
            revisionBody: RevisionBody(top, format: land.outputs?.format), positions: reading.positions)
        CrossSectionCheck(pipeline: pipeline, top: top, stages: stages).check()
        return reading.problems.all.isEmpty ? pipeline : nil
    }

    private func name() -> String {
        top.require("name", "give the pipeline a name, like digits")
        return pipelineName("name") ?? "unnamed"
    }

    /// Returns the name that the pipeline had before; nil where none is given.
    private func was(_ name: String) -> String? {
        guard let was = pipelineName("was") else { return nil }
        if was == name {
            top.refuse(.badValue, "was", "the pipeline is named so now", "write the name that it had before, or remove it")
            return nil
        }
        return was
    }

    private func pipelineName(_ key: String) -> String? {
        guard let name = top.text(key) else { return nil }
        let isSafe = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if !isSafe || name.isEmpty || name.utf8.count > 64 || name.hasPrefix("-") || name.hasPrefix("_") {
            top.refuse(
                .badValue, key, "\"\(name.clipped)\" cannot name a pipeline",
                "write letters, digits, - and _, beginning with a letter or digit, at most 64")
            return nil
        }
        return name
    }

    // MARK: SpoolEntries and settling

    private func spool() -> SpoolEntries {
        top.require("spool", "say where models and data arrive: spool: { models: FOLDER, data: FOLDER }")
        guard let section = top.section("spool", keys: ["models", "labelled", "data"]) else {
            return SpoolEntries(models: nil, labelled: nil, data: nil)
        }
        return SpoolEntries(
            models: entry(section, "models", standard: Self.modelExtensions, extensions: Self.modelExtensions),
            labelled: entry(section, "labelled", standard: Self.dataExtensions, extensions: Self.allDataExtensions),
            data: entry(section, "data", standard: Self.dataExtensions, extensions: Self.allDataExtensions))
    }

    private func entry(_ spool: Section, _ key: String, standard: [String], extensions: [String]) -> SpoolEntry? {
        let all = standard.map { "*." + $0 }
        guard let node = spool.node(key) else { return nil }
        if case .scalar = node.content { return spool.folder(key).map { SpoolEntry(path: $0, include: all, watch: .auto) } }
        guard let section = spool.section(key, keys: ["path", "include", "watch"]) else { return nil }
        section.require("path", "name the folder to watch")
        var include = section.names("include")
        if include == ["all"] { include = extensions.map { "*." + $0 } }
        for pattern in include ?? [] { checkInclude(pattern, section, extensions: extensions) }
        if include?.isEmpty == true {
            section.refuse(.badValue, "include", "an empty list takes no file", "write `all` to take every format")
        }
        let watch = section.choice("watch", of: WatchMode.self) ?? .auto
        guard let path = section.folder("path") else { return nil }
        return SpoolEntry(path: path, include: include ?? all, ignoresSuffixCase: include != nil, watch: watch)
    }

    private func checkInclude(_ pattern: String, _ section: Section, extensions: [String]) {
        if pattern.hasPrefix("/") || pattern.split(separator: "/").contains("..") {
            section.refuse(
                .badValue, "include", "\"\(pattern.clipped)\" leads out of the spool",
                "write a pattern for names below it, like \"*.\(extensions[0])\"")
            return
        }
        // The part after the last wildcard decides the format.
        let end = pattern.lastIndex { "*?]".contains($0) }.map { pattern.index(after: $0) } ?? pattern.startIndex
        let tail = pattern[end...].lowercased()
        if tail.isEmpty || extensions.contains(where: { ("." + $0).hasSuffix(tail) || tail.hasSuffix("." + $0) }) { return }
        let written = tail.split(separator: ".", maxSplits: 1).last.map(String.init) ?? tail
        let nearest = Spelling.nearest(to: written, in: extensions)
        section.refuse(
            .badValue, "include", "\"\(pattern.clipped)\" takes files of no format that is read here",
            nearest.map { "did you mean \"*.\($0)\"?" } ?? "the formats are \(extensions.joined(separator: ", "))")
    }

    private func order(_ spool: SpoolEntries) -> ArrivalOrder {
        let order = top.choice("order", of: ArrivalOrder.self) ?? .models
        if order == .strict, spool.labelled == nil {
            top.refuse(.badValue, "order", "there are no labels that data could wait for", "remove it, or add spool.labelled")
        }
        return order
    }

    private func settle() -> Settle {
        let section = top.section("settle", keys: ["quiet", "give_up"])
        let quiet = section?.duration("quiet", in: .zero ... .seconds(86_400)) ?? .seconds(2)
        let giveUp = section?.duration("give_up", in: .seconds(1)...Self.longTime) ?? max(.seconds(600), quiet)
        if giveUp < quiet {
            section?.refuse(
                .badValue, "give_up", "\(giveUp.text) is shorter than the quiet time of \(quiet.text)", "write a longer time")
        }
        return Settle(quiet: quiet, giveUp: giveUp)
    }

    // MARK: Landing and after

    private func land() -> Land {
        guard let section = top.section("land", keys: ["models", "outputs", "mode", "group"]) else {
            return Land(models: nil, outputs: nil, access: reading.defaults.access)
        }
        return Land(models: modelLanding(section), outputs: outputLanding(section), access: section.landAccess())
    }

    private func modelLanding(_ land: Section) -> ModelLanding? {
        guard let node = land.node("models") else { return nil }
        if case .scalar = node.content { return land.folder("models").map { ModelLanding(path: $0, keep: reading.defaults.keep) } }
        guard let section = land.section("models", keys: ["path", "keep"]) else { return nil }
        section.require("path", "name the folder for model versions")
        let keep = section.integer("keep", in: 1...1_000_000) ?? reading.defaults.keep
        return section.folder("path").map { ModelLanding(path: $0, keep: keep) }
    }

    private func outputLanding(_ land: Section) -> OutputLanding? {
        guard let node = land.node("outputs") else { return nil }
        if case .scalar = node.content {
            return land.folder("outputs").map { OutputLanding(path: $0, format: reading.defaults.format, partitionBy: []) }
        }
        guard let section = land.section("outputs", keys: ["path", "format", "partition_by"]) else { return nil }
        section.require("path", "name the folder for outputs")
        let format = section.choice("format", of: OutputFormat.self) ?? reading.defaults.format
        let partitionBy = section.choices("partition_by", of: PartitionKey.self)
        return section.folder("path").map { OutputLanding(path: $0, format: format, partitionBy: partitionBy) }
    }

    private enum AfterWord: String, CaseIterable { case keep, archive, delete }

    private func after() -> After {
        let word = top.choice("after", of: AfterWord.self) ?? .keep
        if word != .archive, top.has("archive") {
            top.refuse(.badValue, "archive", "there is an archive, but nothing is archived", "write `after: archive`, or remove it")
        }
        switch word {
        case .keep: return .keep
        case .delete: return .delete
        case .archive:
            top.require("archive", near: "after", "`after: archive` needs a folder: archive: archive/NAME")
            return top.folder("archive").map { .archive(path: $0) } ?? .keep
        }
    }

    private func onInputDeleted(_ spool: SpoolEntries, _ after: After) -> OnInputDeleted {
        let word = top.choice("on_input_deleted", of: OnInputDeleted.self) ?? .keep
        guard word == .remove else { return word }
        if after != .keep {
            top.refuse(
                .chain, "on_input_deleted",
                "with `after: archive` or `delete` inputs leave their spool when they are done, so that nothing tells which were deleted",
                "write `after: keep`, or remove it")
        } else if spool.data == nil, !top.mistyped.contains("spool") {
            top.refuse(
                .chain, "on_input_deleted", "no data arrives, so that there is no output to remove: versions and labels always stay",
                "remove it")
        }
        return word
    }

    // MARK: Failure

    private func onError(name: String) -> OnError {
        let section = top.section("on_error", keys: ["attempts", "backoff", "quarantine"])
        return OnError(
            attempts: section?.integer("attempts", in: 1...100) ?? 3,
            backoff: section?.duration("backoff", in: .zero ... .seconds(86_400)) ?? .seconds(2),
            quarantine: section?.folder("quarantine") ?? CanonicalPaths.absolute("quarantine/\(name)", root: reading.root))
    }
}
