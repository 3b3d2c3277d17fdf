package import Recipes

/// Holds one pipeline file as it was read: what is watched, what is done and where results land. Every path is absolute (relative ones were
/// taken from the root) and every default is filled in.
///
/// `pipelines/README.md` has all keys with their defaults, which a test compares with the readers. Keys that the product plans and this
/// version does not have are in ``NotImplemented``.
///
/// It is a class, because it is large and never changes: every file that is being worked on refers to it.
package final class Pipeline: Sendable {
    package let name: String
    /// The path of the file it was read from, as it was given.
    package let source: String
    package let spool: SpoolEntries
    package let order: ArrivalOrder
    package let settle: Settle
    package let schema: RowSchema
    package let stages: [Stage]
    package let land: Land
    package let after: After
    package let allowUpstreamDelete: Bool
    package let onError: OnError
    package let limits: Limits
    package let onInputDeleted: OnInputDeleted
    package let notify: Notify
    package let retain: Retain
    package let trust: Trust
    /// The name that the pipeline had before: everything known under that name belongs to this pipeline.
    package let was: String?
    package let privacy: Privacy
    /// The text that the ledger keeps of the revision; see `under(revision:body:)`.
    package let revisionBody: RevisionBody
    /// The positions of the keys in the file.
    package let positions: SourceMap

    init(
        name: String, source: String, spool: SpoolEntries, order: ArrivalOrder, settle: Settle, schema: RowSchema, stages: [Stage],
        land: Land,
        after: After, allowUpstreamDelete: Bool, onError: OnError, limits: Limits, onInputDeleted: OnInputDeleted, notify: Notify,
        retain: Retain, trust: Trust, was: String?, privacy: Privacy, revisionBody: RevisionBody, positions: SourceMap
    ) {
        self.name = name
        self.source = source
        self.spool = spool
        self.order = order
        self.settle = settle
        self.schema = schema.under(privacy)
        self.stages = stages
        self.land = land
        self.after = after
        self.allowUpstreamDelete = allowUpstreamDelete
        self.onError = onError
        self.limits = limits
        self.onInputDeleted = onInputDeleted
        self.notify = notify
        self.retain = retain
        self.trust = trust
        self.was = was
        self.privacy = privacy
        self.revisionBody = revisionBody
        self.positions = positions
    }

    /// The stage that trains, if there is one.
    package var deployment: DeploymentStage? {
        for case .deploy(let stage) in stages { return stage }
        return nil
    }

    package var optimize: OptimizeStage? {
        for case .optimize(let stage) in stages { return stage }
        return nil
    }

    package var forward: ForwardStage? {
        for case .forward(let stage) in stages { return stage }
        return nil
    }
}

extension RowSchema {
    /// Returns the schema with the columns of which nothing is written.
    fileprivate func under(_ privacy: Privacy) -> RowSchema {
        var schema = self
        schema.privacy = privacy.rows
        return schema
    }
}

extension Pipeline: Equatable {
    /// Compares everything but the text of the revision, which only repeats what the other properties say.
    package static func == (one: Pipeline, other: Pipeline) -> Bool {
        (one.name, one.source, one.spool, one.order, one.settle) == (other.name, other.source, other.spool, other.order, other.settle)
            && (one.schema, one.stages, one.land, one.after) == (other.schema, other.stages, other.land, other.after)
            && (one.allowUpstreamDelete, one.onError, one.limits) == (other.allowUpstreamDelete, other.onError, other.limits)
            && (one.onInputDeleted, one.notify, one.retain) == (other.onInputDeleted, other.notify, other.retain)
            && (one.trust, one.was, one.privacy, one.positions) == (other.trust, other.was, other.privacy, other.positions)
    }
}

extension [Pipeline] {
    /// The names of the pipelines in which data waits for the labels before it.
    package var strict: Set<String> { Set(filter { $0.order == .strict }.map(\.name)) }
}

/// Says which arrivals data waits for before it is scored.
package enum ArrivalOrder: String, Sendable, Equatable, CaseIterable {
    /// Data waits for the models that arrived before it.
    case models
    /// Data waits for the models and the labels that arrived before it.
    case strict
}

/// Names the watched directories; `data` is nil where nothing is scored.
package struct SpoolEntries: Sendable, Equatable {
    package let models: SpoolEntry?
    package let labelled: SpoolEntry?
    package let data: SpoolEntry?

    /// The spools that the pipeline has.
    package var entries: [SpoolEntry] { [models, labelled, data].compactMap(\.self) }

    package init(models: SpoolEntry? = nil, labelled: SpoolEntry? = nil, data: SpoolEntry? = nil) {
        self.models = models
        self.labelled = labelled
        self.data = data
    }
}

package struct SpoolEntry: Sendable, Equatable {
    package let path: String
    /// The shell patterns; one with a `/` is for the path below the spool, one without for the file's name.
    package let include: [String]
    /// Tells whether the suffix of a name may have any case. It may where the pipeline gives patterns; without patterns it may not.
    package let ignoresSuffixCase: Bool
    package let watch: WatchMode

    package init(path: String, include: [String], ignoresSuffixCase: Bool = false, watch: WatchMode = .auto) {
        self.path = path
        self.include = include
        self.ignoresSuffixCase = ignoresSuffixCase
        self.watch = watch
    }
}

package enum WatchMode: String, Sendable, Equatable, CaseIterable {
    case auto, inotify, poll
}

package struct Settle: Sendable, Equatable {
    package let quiet: Duration
    package let giveUp: Duration

    package init(quiet: Duration = .seconds(2), giveUp: Duration = .seconds(600)) {
        self.quiet = quiet
        self.giveUp = giveUp
    }
}

/// Says what is done with an input once its output is durable.
package enum After: Sendable, Equatable {
    case keep
    case archive(path: String)
    case delete
}

/// Says what is done with an output whose data file was deleted from its spool by someone else.
package enum OnInputDeleted: String, Sendable, Equatable, CaseIterable {
    case keep, remove
}

package struct OnError: Sendable, Equatable {
    /// The number of attempts for one run, including the first one.
    package let attempts: Int
    /// The pause before the second attempt; it doubles before each one after that.
    package let backoff: Duration
    package let quarantine: String

    package init(attempts: Int = 3, backoff: Duration = .seconds(2), quarantine: String) {
        self.attempts = attempts
        self.backoff = backoff
        self.quarantine = quarantine
    }
}
