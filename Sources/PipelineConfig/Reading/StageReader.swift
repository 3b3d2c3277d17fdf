internal import Reasons
internal import Recipes

/// Reads `stages` and checks that each takes what the one before it gives.
struct StageReader {
    /// Names the value that one stage passes to the next.
    private enum Artifact: String {
        case serialized = "a serialized model"
        case model = "a model"
        case table = "a table"
    }

    private enum Kind: String, CaseIterable {
        case deserialize, optimize, forward

        var takes: Artifact { self == .deserialize ? .serialized : .model }
        var gives: Artifact { self == .forward ? .table : .model }
    }

    private let top: Section
    private var reading: ReadingContext { top.reading }

    init(_ top: Section) { self.top = top }

    struct Stages {
        var read: [Stage] = []
        var hasOptimize = false
        /// Tells whether one of the stages has a gradient.
        var trains = false
        /// Tells whether one of the stages makes the model faster.
        var deploys = false
        /// Tells whether every item of the list could be read; otherwise nothing is reported about their order.
        var isWhole = false
    }

    func stages(classes: [String]?) -> Stages {
        let remedy = "list what is done, like [deserialize, forward]"
        top.require("stages", remedy)
        var stages = Stages()
        guard let node = top.node("stages") else { return stages }
        guard case .sequence(let items) = node.content else {
            top.refuse(.wrongType, "stages", "\(node.kind) stands where a list belongs", remedy)
            return stages
        }
        if items.isEmpty { top.refuse(.chain, "stages", "there are no stages", remedy) }
        stages.isWhole = true
        var kinds: [(kind: Kind, key: String, position: Position)] = []
        for (index, item) in items.enumerated() {
            guard let (kind, position, body) = stage(item, "stages[\(index)]") else {
                stages.isWhole = false
                continue
            }
            let key = "stages[\(index)].\(kind.rawValue)"
            kinds.append((kind, key, position))
            reading.note(Node(position: position, content: .scalar(kind.rawValue, isPlain: true)), at: key)
            switch kind {
            case .deserialize:
                if let body { _ = Section(body, key, keys: [], in: reading) }
                stages.read.append(.deserialize(DeserializeStage()))
            case .optimize:
                stages.hasOptimize = true
                guard let stage = OptimizeReader(reading, classes: classes).stage(body, key, at: position) else { continue }
                checkOptimize(stage, after: stages, key, position)
                if case .optimize = stage { stages.trains = true } else { stages.deploys = true }
                stages.read.append(stage)
            case .forward:
                stages.read.append(.forward(forward(body, key, classes: classes)))
            }
        }
        if stages.isWhole { checkChain(kinds) }
        return stages
    }

    /// Checks that a model first learns and then is made faster, each at most once.
    private func checkOptimize(_ stage: Stage, after stages: Stages, _ key: String, _ position: Position) {
        switch stage {
        case .optimize where stages.trains:
            reading.problems.add(
                .chain, position, key + ".gradient", "a stage before it has one too", "keep one, which trains as far as it is told to")
        case .optimize where stages.deploys:
            reading.problems.add(
                .chain, position, key + ".gradient", "it learns after the model was made faster", "put it before the other optimize stage")
        case .deploy where stages.deploys:
            reading.problems.add(
                .chain, position, key, "a stage before it makes the model faster too", "write graph and precision in one stage")
        default: break
        }
    }

    /// Reads one item: `deserialize`, `deserialize:` and `deserialize: {}` mean the same.
    private func stage(_ item: Node, _ path: String) -> (Kind, Position, body: Node?)? {
        switch item.content {
        case .scalar where !item.isNull:
            return reading.choice(item, path, of: Kind.self).map { ($0, item.position, nil) }
        case .mapping(let entries) where entries.count == 1:
            let entry = entries[0]
            let word = Node(position: entry.position, content: .scalar(entry.key, isPlain: true))
            return reading.choice(word, path, of: Kind.self).map { ($0, entry.position, entry.value.isNull ? nil : entry.value) }
        case .mapping(let entries) where entries.count > 1:
            reading.problems.add(
                .wrongType, entries[1].position, path,
                "a stage has one key, and this one has \(entries.map(\.key).joined(separator: ", "))",
                "begin each stage with `- `, and indent its keys below it")
        default:
            reading.problems.add(.wrongType, item.position, path, "\(item.kind) is not a stage", "write a stage, like deserialize: {}")
        }
        return nil
    }

    // MARK: Forward

    private func forward(_ body: Node?, _ key: String, classes: [String]?) -> ForwardStage {
        guard let body, let section = Section(body, key, keys: ["batch_size", "threads", "outputs"], in: reading) else {
            return ForwardStage()
        }
        return ForwardStage(
            batchSize: batchSize(section), threads: section.integer("threads", in: 1...1024), outputs: outputs(section, classes: classes))
    }

    private func batchSize(_ forward: Section) -> ForwardStage.BatchSize {
        guard let node = forward.node("batch_size") else { return .auto }
        if case .scalar(let text, isPlain: true) = node.content {
            if text == "auto" { return .auto }
            if Int(text) != nil { return forward.integer("batch_size", in: 1...10_000_000).map { .rows($0) } ?? .auto }
        }
        forward.refuse(
            .wrongType, "batch_size", "\(node.kind) is neither auto nor a whole number", "write auto, or a number of rows like 256")
        return .auto
    }

    private func outputs(_ forward: Section, classes: [String]?) -> [OutputMapping]? {
        guard let entries = forward.namedValues("outputs", what: "model outputs with their columns, like probabilities: p_*") else {
            return nil
        }
        if entries.isEmpty {
            forward.refuse(.badValue, "outputs", "no output is named", "name at least one, or leave `outputs` out for all of them")
            return nil
        }
        return entries.compactMap { entry in
            let path = forward.path(of: "outputs." + entry.key)
            reading.note(entry, at: path)
            guard case .mapping = entry.value.content else {
                return column(entry.value, path, isPattern: true).map { OutputMapping(output: entry.key, columns: $0) }
            }
            guard let section = Section(entry.value, path, keys: ["columns", "class", "argmax", "batch_axis"], in: reading)
            else { return nil }
            func named(_ key: String) -> String? {
                section.node(key).flatMap { column($0, section.path(of: key), isPattern: key == "columns") }
            }
            let mapping = OutputMapping(
                output: entry.key, columns: named("columns"), classColumn: named("class"), argmaxColumn: named("argmax"),
                batchAxis: section.batchAxis)
            if !section.has("columns"), !section.has("class"), !section.has("argmax"), !section.has("batch_axis") {
                reading.problems.add(
                    .missingKey, entry.position, path, "no column is named for this output",
                    "write columns, class or argmax, or leave the output out")
            }
            if mapping.classColumn != nil, classes == nil {
                section.refuse(
                    .missingKey, "class", "the class has no name without `schema.classes`",
                    "name the classes there, or write argmax for the position")
            }
            return mapping
        }
    }

    private func column(_ node: Node, _ path: String, isPattern: Bool) -> String? {
        guard let text = reading.text(node, path) else { return nil }
        let stars = text.count { $0 == "*" }
        if text.isEmpty || stars > (isPattern ? 1 : 0) {
            reading.problems.add(
                .badValue, node.position, path, "\"\(text.clipped)\" cannot name \(isPattern ? "output columns" : "one column")",
                isPattern ? "write a name, or one with a single * like p_*" : "write a name without *")
            return nil
        }
        return text
    }

    // MARK: Chain

    private func checkChain(_ kinds: [(kind: Kind, key: String, position: Position)]) {
        var artifact = Artifact.serialized
        var giver = "what arrives"
        for (kind, key, position) in kinds {
            if kind.takes != artifact {
                let remedy =
                    switch (kind, artifact) {
                    case (.forward, .serialized), (.optimize, .serialized): "put `- deserialize: {}` before it"
                    case (.deserialize, _): "keep one deserialize, as the first stage"
                    case (.forward, .table): "keep one forward, as the last stage"
                    default: "put it before forward"
                    }
                reading.problems.add(
                    .chain, position, key, "it takes \(kind.takes.rawValue), and \(giver) is \(artifact.rawValue)", remedy)
            }
            artifact = kind.gives
            giver = "what \(kind.rawValue) gives"
        }
    }
}
