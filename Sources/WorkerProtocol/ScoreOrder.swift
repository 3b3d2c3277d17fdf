package import Attempts
package import Machine
package import PipelineConfig
package import Recipes

/// Holds what the attempts that score the files of one pipeline with one model have in common. It is sent once, and named by its number
/// then.
package struct ScoreSetting: Codable, Sendable, Equatable {
    /// The number of settings that the two sides of a connection know, which are the latest ones.
    package static let mostKnown = 64

    package var pipeline: String
    package var model: AttemptSpec.InputFile
    package var adapter: String?
    package var format: OutputFormat
    package var schema: RowSchema
    package var stages: [Stage]
    package var limits: AttemptSpec.Limits
    package var engine: EngineChoice
    package var columns: [String: [String]]
    package var types: [String: String]
    package var hidesValues: Bool

    package init(_ spec: AttemptSpec, _ files: AttemptSpec.ScoringFiles) {
        pipeline = spec.pipeline
        model = files.model
        adapter = files.adapter
        format = files.format
        schema = spec.schema
        stages = spec.stages
        limits = spec.limits
        engine = spec.engine
        columns = spec.columns
        types = spec.types
        hidesValues = spec.hidesValues
    }
}

/// Numbers the settings that the other side of a connection knows, the latest last.
package struct KnownSettings: Sendable {
    private var settings: [(number: Int, setting: ScoreSetting)] = []

    package init() {}

    /// Returns the number by which the other side knows a setting, and whether it is to be told of it first.
    package mutating func number(of setting: ScoreSetting) -> (number: Int, isNew: Bool) {
        if let known = settings.last(where: { $0.setting == setting }) { return (known.number, false) }
        let number = (settings.last?.number ?? 0) + 1
        settings.append((number, setting))
        if settings.count > ScoreSetting.mostKnown { settings.removeFirst() }
        return (number, true)
    }
}

/// Keeps the settings that the other side of a connection has told, by their numbers.
package struct ToldSettings: Sendable {
    private var settings: [Int: ScoreSetting] = [:]

    package init() {}

    package subscript(number: Int) -> ScoreSetting? { settings[number] }

    /// Keeps a setting, and forgets the one that the other side does not name any more.
    package mutating func keep(_ setting: ScoreSetting, _ number: Int) {
        settings[number] = setting
        settings[number - ScoreSetting.mostKnown] = nil
    }
}

/// Describes one file to score, under a setting that was sent before.
package struct ScoreOrder: Codable, Sendable {
    package var reference: AttemptReference
    package var setting: Int
    package var data: AttemptSpec.InputFile
    package var output: String
    package var provenance: [String: String]
    /// The content of a small file, which need not be opened then.
    package var content: [UInt8]?
    /// Tells whether the open file with the data comes with the frame.
    package var hasFile = false
    /// Tells whether the open output follows over the connection for files. The daemon opens it while the worker reads and computes.
    package var outputFollows = false
    /// Tells whether the next order belongs to the same lot, which a worker of several processes gives to one of them.
    package var isFollowed = false

    /// Makes an order of nothing, to be filled in.
    init() {
        reference = AttemptReference(run: 0, attempt: 0, nonce: 0)
        setting = 0
        data = AttemptSpec.InputFile(path: "", digest: "")
        output = ""
        provenance = [:]
    }

    package init(reference: AttemptReference, setting: Int, _ spec: AttemptSpec, _ files: AttemptSpec.ScoringFiles) {
        self.reference = reference
        self.setting = setting
        data = files.data
        output = files.output
        provenance = spec.provenance
    }

    package func spec(_ setting: ScoreSetting) -> AttemptSpec {
        var spec = AttemptSpec(
            run: reference.run, attempt: reference.attempt, pipeline: setting.pipeline,
            work: .score(.init(model: setting.model, adapter: setting.adapter, data: data, output: output, format: setting.format)),
            schema: setting.schema, stages: setting.stages, provenance: provenance, limits: setting.limits, columns: setting.columns)
        spec.engine = setting.engine
        spec.types = setting.types
        spec.hidesValues = setting.hidesValues
        return spec
    }
}
