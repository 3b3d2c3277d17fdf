package import Arrivals
import Attempts
import Ledger
package import PipelineConfig

/// Describes an attempt that the ledger has opened, whether or not it could be handed out.
struct OpenAttempt: Sendable {
    let arrival: WaitingArrival
    let run: OpenedRun
    /// The pipeline as it was under the run's revision.
    let pipeline: Pipeline
    /// Tells whether it trains. An attempt that could not be handed out does not.
    var trains = false

    var goal: AttemptSpec.Goal { AttemptSpec.Goal(arrival.role) }
}

extension AttemptSpec.Goal {
    init(_ role: ArrivalRole) {
        switch role {
        case .model: self = .validateModel
        case .labelled: self = .fineTune
        case .data: self = .score
        }
    }

    /// Returns the verdict on an arrival that became a version.
    func verdict(_ version: Int) -> String { self == .fineTune ? "trained version \(version)" : "published \(version)" }
}

extension Pipeline {
    package func spoolPath(of role: ArrivalRole) -> String {
        switch role {
        case .model: spool.models?.path ?? ""
        case .labelled: spool.labelled?.path ?? ""
        case .data: spool.data?.path ?? ""
        }
    }
}
