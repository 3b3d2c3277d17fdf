package import Arrivals

/// Describes what was published of an arrival, as a manifest line or a card tells it, for a ledger that was lost.
package struct RestoredResult: Hashable, Sendable {
    package struct Version: Hashable, Sendable {
        package var number: Int
        package var digest: String?
        package var card: String
        package var isPruned: Bool
        /// The version that it was trained from.
        package var parent: Int?
        package var parentDigest: String?
        /// The digest of the float model that the state folder keeps for it.
        package var floatDigest: String?
        package var training: TrainingRecord?

        package init(
            number: Int, digest: String?, card: String, isPruned: Bool, parent: Int? = nil, parentDigest: String? = nil,
            floatDigest: String? = nil,
            training: TrainingRecord? = nil
        ) {
            self.number = number
            self.digest = digest
            self.card = card
            self.isPruned = isPruned
            self.parent = parent
            self.parentDigest = parentDigest
            self.floatDigest = floatDigest
            self.training = training
        }
    }

    package enum Product: Hashable, Sendable {
        case output(OutputFile)
        case version(Version)
        /// The arrival is labels that a model, or a later labelled file, was trained on together with others.
        case learntFrom
    }

    /// The number that the arrival had.
    package var number: Int64
    package var file: ArrivedFile
    package var publishedAt: UTCTime
    package var revision: String
    /// The version that scored it.
    package var scoredBy: Int?
    package var rowCount: Int64?
    package var verdict: String?
    package var product: Product

    package init(
        number: Int64, file: ArrivedFile, publishedAt: UTCTime, revision: String, scoredBy: Int? = nil, rowCount: Int64? = nil,
        verdict: String? = nil,
        product: Product
    ) {
        self.number = number
        self.file = file
        self.publishedAt = publishedAt
        self.revision = revision
        self.scoredBy = scoredBy
        self.rowCount = rowCount
        self.verdict = verdict
        self.product = product
    }
}

/// Tells what became of a result that was to be restored.
package enum RestorationOutcome: Hashable, Sendable {
    case restored
    case known
    /// It could not be recorded, for this reason.
    case left(String)
}
