package import Reasons

/// How a training came out, as far as lists show it; the card of the version tells the whole story.
package struct TrainingRecord: Hashable, Codable, Sendable {
    /// Why the trained model was not taken, without what cells of a table hold; nil where it was.
    package var rejection: String?
    /// The values of the cells that the rejection is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    /// The gate's metric on the held-out rows, nil where none were held out.
    package var metric: String?
    package var before: Double?
    package var after: Double?
    package var lossPerEpoch: [Double]

    package init(rejection: Reason? = nil, metric: String? = nil, before: Double? = nil, after: Double? = nil, lossPerEpoch: [Double] = [])
    {
        self.rejection = rejection?.text
        cells = rejection?.cells
        self.metric = metric
        self.before = before
        self.after = after
        self.lossPerEpoch = lossPerEpoch
    }

    /// The rejection, with what cells hold where that is told.
    package var whole: Reason? { rejection.map { Reason($0, cells: cells) } }
}

/// A labelled file that a run trains on.
package struct LabelledArrival: Hashable, Codable, Sendable {
    package var number: Int64
    /// Relative to the spool.
    package var path: String
    package var digest: String
    package var state: ArrivalState
}
