package import Attempts

/// Holds what was measured of one candidate.
package struct CandidateResult: Codable, Sendable, Hashable {
    package var candidate: Candidate
    /// The rows that its sessions scored a second together, by the clock: the median of its bursts; nil where it was not timed.
    package var rowsPerSecond: Double?
    /// The milliseconds of processor time for a row: the median of its bursts.
    package var processorMilliseconds: Double?
    /// The most memory that its processes had, in bytes. What several of them map from one file counts once for each.
    package var peakBytes: Int64 = 0
    package var agreement: [OutputAgreement] = []
    /// The metric of the gate on the labelled rows; nil where it was not measured.
    package var metric: Double?
    /// Why it is not used; nil where it may be.
    package var refusal: String?
    /// Why it is not used although its outputs agree and its median is the best: it was not faster often enough. Nil otherwise.
    package var doubt: String?
    /// The number of bursts that were timed.
    package var bursts = 0

    package init(_ candidate: Candidate) { self.candidate = candidate }

    package var passes: Bool { refusal == nil }

    /// The least cosine of all outputs; nil where none was compared.
    package var cosine: Double? { agreement.compactMap(\.cosine).min() }
}

/// Says what the time of a candidate was measured by.
package enum TimeMeasure: String, Codable, Sendable {
    /// The clock, since the machine was otherwise idle.
    case clock
    /// The processor time for a row, since other work made the clock unreliable.
    case processor
}

extension CandidateResult {
    /// The time for a row in milliseconds; nil where it was not timed.
    package func time(by measure: TimeMeasure) -> Double? {
        switch measure {
        case .clock: rowsPerSecond.map { 1000 / $0 }
        case .processor: processorMilliseconds
        }
    }
}
