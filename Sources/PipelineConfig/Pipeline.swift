/// One pipeline file, read: what is watched, what is done and where results land. Every path is absolute (relative ones were taken from
/// the root) and every default is filled in.
///
/// All accepted keys, with their defaults; `name`, `spool` and `stages` (and the `land` that the stages need) have none:
/// ```yaml
/// name: digits                        # letters, digits, - and _; at most 64; begins with a letter or digit
/// spool:
///   models: spool/digits/models       # a path alone, or a mapping:
///   labelled: spool/digits/labelled   # with an optimize stage, and only then; every table format
///   data:
///     path: spool/digits/data
///     include: ["*.csv", "*.parquet"] # file names; with a / in it, relative paths. `all`: every format
///                                     # under all its names, in any case.
///                                     # Left out: *.onnx; csv, jsonl (.gz, .zst), parquet, arrow, npy, npz
///     watch: auto                     # auto | inotify | poll
/// order: models                       # what data waits for: the models before it; strict: the labels before it too, until they are decided
/// settle: { quiet: 2s, give_up: 10m } # durations: 500ms, 2s, 10m, 1h, 1h30m, 1d
/// schema:
///   key: []                           # columns that name a row; a list, or one name
///   label:                            # the column to learn (a pattern or a list where the loss takes several); never a feature
///   missing_label: skip               # skip (a labelled row without a label is left out, and counted) | error (its file is refused)
///   weight:                           # a column that says how much a labelled row counts; never a feature
///   classes: []                       # names of the classes, in the model's order
///   inputs:                           # model input <- columns; an input left out takes the column of its own name,
///     pixels:                         # and the only input takes all numeric columns
///       columns: "pixel_*"            # a pattern, or a list of names or patterns in order
///       scale: 1                      # multiplies every value
///       missing: error                # error | nan | a number | a text in quotes
///       batch_axis: 0                 # the axis of the rows
///     rate: { value: 16000 }          # the same in every row; a list: each element of a row
///   keep: []                          # columns carried through to the output; left out: those of `key`
///   types: { zip: string }            # string bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 date timestamp
///   dialect:                          # how CSV is read
///     delimiter: ","                  # one ASCII character, or tab
///     quote: '"'                      # one ASCII character, or none
///     header: true                    # true | false (columns are then f0, f1, …) | a list of names for a file without a header
///     null_words: ["", "NA", "N/A", "NULL", "null"]
///     decimal: "."                    # or ","
/// stages:
///   - deserialize: {}
///   - optimize:
///       gradient:
///         loss: cross_entropy         # has no default; or { cross_entropy: { output: NAME, label_smoothing: 0, class_weights: [],
///                                     # targets: indices } }, binary_cross_entropy { positive_weight: 1, scores: automatic },
///                                     # multilabel { class_weights, scores }, mean_squared_error, mean_absolute_error,
///                                     # huber { delta: 1 }, quantile { quantile: 0.5 }, poisson { rate: automatic },
///                                     # cosine_embedding { margin: 0 }, or { output: NAME } where the model computes its own
///         optimizer: adamw            # or { adamw: { learning_rate: 1.0e-3, weight_decay: 0.01, betas: [0.9, 0.999], epsilon: 1.0e-8 } };
///                                     # sgd { momentum, nesterov }, adagrad, rmsprop { alpha, momentum }, adam, lion, lamb
///         schedule: constant          # or { constant: { warm_up: 0 } }, in steps; linear { end: 0 }, cosine { end: 0 },
///                                     # step { every: 1, factor: 0.1 } (epochs), one_cycle
///         epochs: 10
///         batch_size: 32
///         accumulate: 1               # batches whose gradients make one step
///         clip_norm:                  # left out: off, like clip_value and ema
///         validation: 0.2             # the share of rows held out
///         train_on: all               # all | new
///         seed: 0
///         early_stopping:             # epochs, or { patience: 3, min_improvement: 0 }; left out: off
///         freeze: []                  # patterns of initializers; no_decay likewise, and train, for what looks like a constant and is none
///         batch_normalization: frozen # frozen | affine | train
///         adapters:                   # { rank: 8, targets: ["*attn*"], merge: true }; left out: none
///         threads: 2                  # left out: the daemon's share
///       gate: { metric: loss, drop_at_most: 0, rows_at_least: 30 }   # accuracy | f1 | auc | log_loss | rmse | mae | r2 | loss;
///                                     # nothing is trained until that many rows are held out
///   - forward:
///       batch_size: auto              # or a whole number
///       threads: 2                    # left out: the daemon's share
///       outputs:                      # model output -> columns; left out: every output under its own name
///         label: digit                # one column
///         probabilities: p_*          # one column for each element; see ``OutputMapping``
///         logits: { columns: l_*, class: predicted, argmax: predicted_index, batch_axis: 0 }
/// land:
///   models:  { path: out/digits/models, keep: 5 }
///   outputs: { path: out/digits/predictions, format: parquet, partition_by: [] }
///                                     # parquet | arrow | csv | jsonl | npy | npz; arrival_date, version, stem
///   mode: 0640                        # of files; folders may also be entered by whoever may read them. Quarantine and archive have it too
///   group:                            # a name or a number; left out: the group that the file system gives
/// after: keep                         # keep | archive | delete
/// archive: archive/digits             # with `after: archive`, and only then
/// allow_upstream_delete: false        # archive or delete in a folder that a two-way sync owns
/// on_error: { attempts: 3, backoff: 2s, quarantine: quarantine/digits }   # default quarantine: ROOT/quarantine/NAME
/// limits: { time: 30m }               # of one attempt; left out: what millrace.yaml says, or none
/// retain: { archive: 30d }            # left out: what millrace.yaml says; `forever` takes that back
/// was: digits                         # the name that the pipeline had before
/// notify: { published: [], rejected: [], quarantined: [], waiting_long: { tell: [], after: 1h } }   # names in millrace.yaml
/// ```
/// Keys that the product plans and this version lacks stand in ``NotImplemented``.
package struct Pipeline: Sendable, Equatable {
    package let name: String
    /// The file it was read from, as it was given.
    package let source: String
    package let spool: Spool
    package let order: ArrivalOrder
    package let settle: Settle
    package internal(set) var schema: Schema
    package internal(set) var stages: [Stage]
    package internal(set) var land: Land
    package let after: After
    package let allowUpstreamDelete: Bool
    package let onError: OnError
    package let limits: Limits
    package let notify: Notify
    package let retain: Retain
    /// The name that the pipeline had before: what is known of that is its own.
    package let was: String?
    /// What the ledger keeps of the revision; see `under(revision:body:)`.
    package internal(set) var revisionBody: String
    /// Where keys stand in the file.
    package let positions: SourceMap

    /// The stage that trains, if there is one.
    package var optimize: OptimizeStage? {
        for case .optimize(let stage) in stages { return stage }
        return nil
    }

    package var forward: ForwardStage? {
        for case .forward(let stage) in stages { return stage }
        return nil
    }
}

extension [Pipeline] {
    /// The names of those in which data waits for the labels before it.
    package var strict: Set<String> { Set(filter { $0.order == .strict }.map(\.name)) }
}

/// What data that arrived waits for before it is scored.
package enum ArrivalOrder: String, Sendable, Equatable, CaseIterable {
    /// The models before it.
    case models
    /// The models and the labels before it.
    case strict
}

/// The watched directories; `data` is absent where nothing is scored.
package struct Spool: Sendable, Equatable {
    package let models: SpoolEntry?
    package let labelled: SpoolEntry?
    package let data: SpoolEntry?

    /// The spools that there are.
    package var entries: [SpoolEntry] { [models, labelled, data].compactMap(\.self) }

    package init(models: SpoolEntry? = nil, labelled: SpoolEntry? = nil, data: SpoolEntry? = nil) {
        self.models = models
        self.labelled = labelled
        self.data = data
    }
}

package struct SpoolEntry: Sendable, Equatable {
    package let path: String
    /// Shell patterns; one with a `/` is for the path below the spool, one without for the file's name.
    package let include: [String]
    /// Whether the suffix of a name may have any case. It may where the pipeline gives patterns; without patterns it may not, as in earlier
    /// versions.
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

/// What becomes of an input once its output is durable.
package enum After: Sendable, Equatable {
    case keep
    case archive(path: String)
    case delete
}

package struct OnError: Sendable, Equatable {
    /// Tries of one run in all, the first one included.
    package let attempts: Int
    /// Before the second attempt; doubled before each one after.
    package let backoff: Duration
    package let quarantine: String

    package init(attempts: Int = 3, backoff: Duration = .seconds(2), quarantine: String) {
        self.attempts = attempts
        self.backoff = backoff
        self.quarantine = quarantine
    }
}

package struct Limits: Sendable, Equatable {
    /// Of one attempt; nil: none.
    package let time: Duration?

    package init(time: Duration? = nil) {
        self.time = time
    }
}
