package import Reasons

/// Summarizes a training, as far as lists show it; the card of the version has all of it.
package struct TrainingRecord: Hashable, Codable, Sendable {
    /// The reason why the trained model was not taken, without the values of cells; nil where it was taken.
    package var rejection: String?
    /// The values of the cells that the rejection is about; nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    /// The gate's metric on the held-out rows; nil where none were held out.
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

    /// The rejection, with the values of cells unless they are hidden.
    package var fullReason: Reason? { rejection.map { Reason($0, cells: cells) } }
}

/// Describes a labelled file that a run trains on.
package struct LabelledArrival: Hashable, Codable, Sendable {
    package var number: Int64
    /// The path relative to the spool.
    package var path: String
    package var digest: String
    package var state: ArrivalState
}
