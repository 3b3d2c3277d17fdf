internal import Glibc
internal import Names
internal import Reasons
internal import Recipes

/// Checks whether the sections of one file fit each other.
struct CrossSectionCheck {
    let pipeline: Pipeline
    let top: Section
    let stages: StageReader.Stages

    func check() {
        if stages.isWhole, top.mistyped.isDisjoint(with: ["spool", "land"]) { checkChainEnds() }
        if !top.mistyped.contains("spool"), !top.mistyped.contains("schema") { checkLabels() }
        checkColumns()
        checkMetric()
        checkTrust()
        checkPrivacy()
    }

    /// Checks that files can arrive that need a signature. `models` always can.
    private func checkTrust() {
        if statedKeys("trust").contains("labelled"), !statedKeys("spool").contains("labelled"), !top.mistyped.contains("spool") {
            add(.chain, "trust.labelled", "no labels arrive that could be signed", "add spool: { labelled: FOLDER }, or remove it")
        }
    }

    private func add(_ rule: Rule, _ key: String, _ fault: String, _ remedy: String) {
        top.reading.problems.add(rule, top.reading.positions[key], key, fault, remedy)
    }

    /// Checks that arriving files are used and that results are published. It reports only on sections that could be read.
    private func checkChainEnds() {
        let isStated = { (section: String, key: String) in statedKeys(section).contains(key) }
        let runsForward = pipeline.forward != nil
        let hasStages = !stages.read.isEmpty || stages.hasOptimize
        let forwardKey = forwardKey
        if top.has("spool"), !isStated("spool", "models") {
            add(.chain, "spool", "no model can arrive", "add the folder where models arrive: models: FOLDER")
        }
        if isStated("spool", "models"), !isStated("land", "models") {
            add(.chain, top.has("land") ? "land" : "spool.models", "models arrive and land nowhere", "add land: { models: FOLDER }")
        }
        if runsForward, top.has("spool"), !isStated("spool", "data") {
            add(.chain, forwardKey, "forward has no data to run on", "add spool: { data: FOLDER }, or remove the stage")
        }
        if runsForward, !isStated("land", "outputs") {
            add(.chain, forwardKey, "what forward gives lands nowhere", "add land: { outputs: FOLDER }")
        }
        if !runsForward, case .deploy(let stage)? = stages.read.first(where: { if case .deploy = $0 { true } else { false } }),
            stage.precision != nil
        {
            add(
                .chain, key(of: "optimize.precision"), "nothing is scored, so that nothing can be measured",
                "add `- forward: {}` to the stages, or remove it")
        }
        if hasStages, !runsForward, isStated("spool", "data") {
            add(.chain, "spool.data", "data arrives and no stage uses it", "add `- forward: {}` to the stages, or remove it")
        }
        if hasStages, !runsForward, isStated("land", "outputs") {
            add(.chain, "land.outputs", "no stage gives outputs", "add `- forward: {}` to the stages, or remove it")
        }
    }

    /// Checks that training has something to learn, and that labels are learnt from.
    private func checkLabels() {
        let hasLabelled = statedKeys("spool").contains("labelled")
        let hasLabel = statedKeys("schema").contains("label")
        if stages.trains {
            for input in pipeline.schema.inputs {
                for (word, isSaid) in [("value", input.value != nil), ("batch_axis", input.batchAxis ?? 0 != 0)] where isSaid {
                    add(
                        .notImplemented, "schema.inputs.\(input.name).\(word)", "training with it is not implemented in this version",
                        "remove it, or the optimize stage")
                }
            }
            let key = key(of: "optimize.gradient")
            if top.has("spool"), !hasLabelled {
                add(.chain, key, "it has no labelled data to learn from", "add spool: { labelled: FOLDER }, or remove the stage")
            }
            var hasOwnLoss = false
            if case .output? = pipeline.optimize?.gradient.loss { hasOwnLoss = true }
            if !hasLabel, !hasOwnLoss {
                add(.chain, key, "it has nothing to learn", "name the column: schema: { label: COLUMN }, or remove the stage")
            }
        } else if hasLabelled, stages.isWhole, !stages.trains, !stages.hasOptimize || stages.deploys {
            add(
                .chain, "spool.labelled", "labelled data arrives and no stage learns from it",
                "add `- optimize: { gradient: { loss: cross_entropy } }` to the stages, or remove it")
        }
    }

    /// Checks that the metric by which ways of executing the model are judged can be measured: on rows that no training sees, by a loss
    /// that says what the outputs mean.
    private func checkMetric() {
        guard stages.isWhole, let gate = pipeline.deployment?.metric else { return }
        let key = key(of: "optimize.precision").replacing(".precision", with: ".gate.metric")
        guard let gradient = pipeline.optimize?.gradient else {
            // A stage that could not be read has its own problem.
            if !stages.trains {
                add(
                    .chain, key, "no labelled rows are known without a stage that learns from them",
                    "add `- optimize: { gradient: { loss: cross_entropy } }` before it, or write cosine and same_top")
            }
            return
        }
        if gradient.validation == 0 {
            add(
                .badValue, key, "every row is learnt from, so that none is left to measure on",
                "write validation: 0.2 in the stage that learns, or remove it")
        }
        let fitting = Metric.allCases.filter { gradient.loss.allows($0) }
        if !fitting.contains(gate.metric) {
            add(
                .badValue, key,
                "\(gate.metric.rawValue) cannot be measured of what the loss \(gradient.loss.kind.rawValue) compares with labels",
                fitting.isEmpty ? "write cosine and same_top" : "write \(fitting.map(\.rawValue).joined(separator: ", "))")
        }
    }

    /// Checks that no column is dropped or hashed that training needs, and that a column which is hashed stands somewhere.
    private func checkPrivacy() {
        guard let rows = pipeline.privacy.rows, !top.mistyped.contains("schema") else { return }
        let schema = pipeline.schema
        for name in schema.namedColumns {
            guard let meant = rows.columnLike(name) else { continue }
            add(
                .contradiction, "privacy.\(rows.drop.containsName(meant) ? "drop" : "hash")",
                "\"\(meant.clipped)\" is almost \"\(name.clipped)\", which schema names: one column has one name",
                "write the name in both places as the files have it")
        }
        for (word, names) in [("drop", rows.drop), ("hash", rows.hash)] {
            for name in names {
                if stages.trains, let use = schema.trainingUse(of: name) {
                    add(
                        .contradiction, "privacy.\(word)",
                        "\"\(name.clipped)\" is \(use), which training needs, and labelled rows are kept without it",
                        "remove it from `\(word)`")
                } else if stages.trains, word == "drop", schema.key.containsName(name) {
                    add(
                        .contradiction, "privacy.drop",
                        "\"\(name.clipped)\" is in schema.key, by which labelled rows are held out and corrected", "write it in `hash`")
                } else if word == "hash", !stages.trains, !schema.keep.containsName(name) {
                    add(
                        .contradiction, "privacy.hash",
                        "\"\(name.clipped)\" is not kept, so that its hash would stand nowhere", "add it to schema.keep, or remove it")
                }
            }
        }
    }

    private var forwardKey: String { key(of: "forward") }

    private func key(of stage: String) -> String {
        guard case .sequence(let items) = top.node("stages")?.content else { return "stages" }
        for index in items.indices {
            let key = "stages[\(index)].\(stage)"
            if top.reading.positions.has(key) { return key }
        }
        return "stages"
    }

    private func statedKeys(_ key: String) -> Set<String> {
        guard case .mapping(let entries) = top.node(key)?.content else { return [] }
        // A mistyped key is reported as a mistyped key, and counts as the key that was meant.
        let words = ["models", "labelled", "data", "outputs", "label"]
        return Set(entries.filter { !$0.value.isNull }.map { Spelling.nearest(to: $0.key, in: words) ?? $0.key })
    }

    /// Checks the output columns: they are told apart by name, and npy holds one array.
    private func checkColumns() {
        guard let forward = pipeline.forward else { return }
        var owner: [String: String] = [:]
        for column in pipeline.schema.keep { owner[column] = "schema.keep" }
        for mapping in forward.outputs ?? [] {
            let key = forwardKey + ".outputs." + mapping.output
            for column in [mapping.columns, mapping.classColumn, mapping.argmaxColumn].compactMap({ $0 }) {
                if let other = owner[column] {
                    add(
                        .badValue, key, "the column \"\(column.clipped)\" comes from \(other) too",
                        "give each output column a name of its own")
                }
                owner[column] = key
            }
        }
        guard pipeline.land.outputs?.format == .npy else { return }
        let arrays = (forward.outputs ?? []).reduce(0) { $0 + [$1.columns, $1.classColumn, $1.argmaxColumn].count { $0 != nil } }
        let kept = pipeline.schema.keep.filter { name in pipeline.privacy.rows?.drop.containsName(name) != true }
        if !kept.isEmpty {
            add(
                .badValue, "land.outputs.format",
                "npy holds one array, and there are kept columns (\(kept.joined(separator: ", ")))",
                "write `keep: []` in schema, or use npz")
        }
        if arrays > 1 {
            add(.badValue, "land.outputs.format", "npy holds one array, and \(arrays) are asked for", "name one output, or use npz")
        }
    }
}

extension RowSchema {
    /// The columns that the schema names, without patterns, each once.
    fileprivate var namedColumns: [String] {
        let all = key + keep + (label?.names ?? []) + (weight.map { [$0] } ?? []) + inputs.flatMap { $0.columns?.names ?? [] }
        var seen = NameSet()
        return all.filter { seen.insert($0).inserted }
    }

    /// Returns what a column is to training, where the schema names it so; nil for others. A key is not among them: its hash identifies a
    /// row too.
    fileprivate func trainingUse(of name: String) -> String? {
        if label?.takes(name) == true { return "a label" }
        if weight?.isName(name) == true { return "the weight" }
        for input in inputs where input.columns?.names.containsName(name) == true { return "a feature (schema.inputs.\(input.name))" }
        return nil
    }
}

extension ColumnSelector {
    /// Returns whether it names a column, or has a pattern that the column's name fits.
    fileprivate func takes(_ name: String) -> Bool {
        names.containsName(name)
            || names.contains { pattern in
                // A bracket stands for itself in a pattern of columns.
                fnmatch(pattern.replacing("\\", with: "\\\\").replacing("[", with: "\\["), name, 0) == 0
            }
    }
}

extension Loss {
    /// Returns whether a metric can be measured of the outputs that the loss reads. A loss of the model's own leaves nothing to compare,
    /// and of several answers for one label only the loss makes something.
    fileprivate func allows(_ metric: Metric) -> Bool {
        switch self {
        case .output: false
        case .cosineEmbedding: metric == .loss
        case .quantile(let quantiles) where quantiles.count > 1: metric == .loss
        default: metric.labels ?? labels == labels
        }
    }
}
