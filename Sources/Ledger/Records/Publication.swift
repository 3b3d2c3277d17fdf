package import Arrivals
package import Machine

package enum PublicationState: String, Codable, Sendable, CaseIterable {
    case intended, published, replaced, removed
    /// Another output of the same input stands elsewhere instead, and this one is to be removed.
    case leaving
    /// The input was deleted, and the output is to be removed.
    case orphaned
    /// The output was to be removed, but it stays, since the file there is not what was published any more.
    case left
}

/// Describes an output that is about to appear under its final name.
package struct Intention: Hashable, Sendable {
    package var run: Int64
    package var output: OutputFile
    /// The machine that made the file, where it is known.
    package var machine: AttemptMachine?
    /// The way in which the model was executed; nil where measurements do not decide it.
    package var execution: OutputExecution?

    package init(run: Int64, output: OutputFile, machine: AttemptMachine? = nil, execution: OutputExecution? = nil) {
        self.run = run
        self.output = output
        self.machine = machine
        self.execution = execution
    }
}

package enum IntentionOutcome: Hashable, Sendable {
    /// `replaces` is what we published there before for the same input: a file there with another digest is not ours.
    case intended(publication: Int64, replaces: Publication?)
    /// Another input owns that output path; nothing was recorded.
    case owned(by: Publication)
}

/// Describes an output that the ledger knows, as one object in JSON.
package struct Publication: Hashable, Codable, Sendable {
    package var number: Int64
    package var run: Int64
    package var arrival: Int64
    package var pipeline: String
    /// The path of the input, relative to its spool directory.
    package var inputPath: String
    package var output: OutputFile
    package var state: PublicationState
    package var publishedAt: UTCTime?
    /// The way in which the model was executed; nil where measurements do not decide it.
    package var execution: OutputExecution?
}

extension Publication {
    private enum CodingKeys: String, CodingKey {
        case number = "publication"
        case run, arrival, pipeline, inputPath, state, publishedAt, execution
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            number: try keys.decode(Int64.self, forKey: .number), run: try keys.decode(Int64.self, forKey: .run),
            arrival: try keys.decode(Int64.self, forKey: .arrival), pipeline: try keys.decode(String.self, forKey: .pipeline),
            inputPath: try keys.decode(String.self, forKey: .inputPath), output: try OutputFile(from: decoder),
            state: try keys.decode(PublicationState.self, forKey: .state),
            publishedAt: try keys.decodeIfPresent(UTCTime.self, forKey: .publishedAt),
            execution: keys.contains(.execution) ? try OutputExecution(from: decoder) : nil)
    }

    package func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: CodingKeys.self)
        try keys.encode(number, forKey: .number)
        try keys.encode(run, forKey: .run)
        try keys.encode(arrival, forKey: .arrival)
        try keys.encode(pipeline, forKey: .pipeline)
        try keys.encode(inputPath, forKey: .inputPath)
        try output.encode(to: encoder)
        try keys.encode(state, forKey: .state)
        try keys.encodeIfPresent(publishedAt, forKey: .publishedAt)
        try execution?.encode(to: encoder)
    }
}

/// Describes an output that is to be removed, with what its manifest line needs.
package struct LeavingOutput: Hashable, Sendable {
    package var publication: Publication
    package var inputDigest: String
    package var revision: String
    package var version: Int?
    package var rowCount: Int64?

    package init(publication: Publication, inputDigest: String, revision: String, version: Int?, rowCount: Int64?) {
        self.publication = publication
        self.inputDigest = inputDigest
        self.revision = revision
        self.version = version
        self.rowCount = rowCount
    }
}

/// Names a folder with outputs of one format.
package struct OutputPlace: Hashable, Sendable {
    package let root: String
    /// The extension of the file names, without the dot.
    package let suffix: String
}
