package import Arrivals

/// Describes a directory to watch for one pipeline.
package struct SpoolDirectory: Sendable, Hashable {
    package enum WatchMode: String, Sendable, Hashable, Codable {
        /// inotify where the file system is known to be local, polling elsewhere.
        case auto
        case inotify
        case poll
    }

    package struct SettlePolicy: Sendable, Hashable {
        /// The time for which a file must stay unchanged if nothing else shows that it is complete.
        package var quiet: Duration
        /// The time for which an incomplete file may stay unchanged before it counts as truncated.
        package var giveUp: Duration

        package init(quiet: Duration = .seconds(2), giveUp: Duration = .seconds(600)) {
            self.quiet = quiet
            self.giveUp = giveUp
        }
    }

    /// Says what a `NAME.sig` beside a file means. It is an arrival nowhere.
    package enum Signatures: Sendable, Hashable {
        /// It means nothing.
        case ignored
        /// A file may have one, which must be whole.
        case taken
        /// A file waits for one.
        case required
    }

    /// The spool that the directory is of. It is unique within one watcher.
    package var id: SpoolID
    /// The absolute path.
    package var path: String
    /// Globs on the file name, or on the path relative to `path` where they contain `/`. Empty means every name.
    package var include: [String]
    /// Tells whether the suffix of a pattern, from the first dot after its last wildcard or slash, matches letters of any case: `*.csv`
    /// matches `A.CSV` too.
    package var ignoresSuffixCase: Bool
    /// The place of the directory in the order of deliveries: models 0, labelled 1, data 2. Only a directory of order 0 is searched for
    /// the models whose external data changed.
    package var order: Int
    package var watch: WatchMode
    package var settle: SettlePolicy
    package var signatures: Signatures

    package init(
        id: SpoolID, path: String, include: [String], ignoresSuffixCase: Bool = false, order: Int = 2, watch: WatchMode = .auto,
        settle: SettlePolicy = SettlePolicy(), signatures: Signatures = .ignored
    ) {
        self.id = id
        self.path = path
        self.include = include
        self.ignoresSuffixCase = ignoresSuffixCase
        self.order = order
        self.watch = watch
        self.settle = settle
        self.signatures = signatures
    }
}
