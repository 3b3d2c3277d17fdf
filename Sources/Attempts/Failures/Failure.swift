package import Reasons

/// Says why an attempt did not succeed, in words for an operator.
package struct Failure: Error, Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// The data file cannot be what the pipeline says it is.
        case badInput = "bad-input"
        /// The model is malformed, unsafe, unsupported, or does not fit the schema or the rows.
        case badModel = "bad-model"
        /// The file changed while it was read: what was read is void.
        case inputChanged = "input-changed"
        /// The file went away before it could be read.
        case inputGone = "input-gone"
        /// The machine does not do what the work needs: a full, read-only or failing disk, a folder without permission, no descriptors
        /// left. It is never the file's fault: the pipeline waits until the machine can.
        case machine
        /// The machine cannot read this one file: its disk fails there, or its permissions do not allow it. The file waits until it can be
        /// read.
        case unreadable
        /// The attempt lacked something that another attempt may have, such as memory.
        case resource
        /// `limits.time` ran out.
        case timeLimit = "limits.time"
        /// `limits.load_time` ran out.
        case loadTime = "limits.load_time"
        /// The attempt went on for long without beginning a batch or a step.
        case standstill
        /// The attempt outgrew `limits.memory`, or the memory that all attempts together have.
        case memoryLimit = "limits.memory"
        /// The process that executed the attempt has crashed at it.
        case workerDied = "worker-died"
        /// The daemon is stopping and took the work back.
        case cancelled
        /// An operator stopped the run.
        case stopped
        /// The active version cannot be loaded any more.
        case modelUnavailable = "model-unavailable"
        /// There are too few labelled rows, or too few kinds of them, to learn from or to judge with: they are kept, and nothing was
        /// trained.
        case tooFewRows = "rows_at_least"
        /// The trained model is no better than the one in use.
        case gate
        /// Training lost its way: loss or weights are not finite any more.
        case diverged
        /// A fault of ours: the executor ended without an answer.
        case executorLost = "executor-lost"
    }

    package var kind: Kind
    /// One sentence that says what failed, without values of cells.
    package var what: String
    /// The values of the cells that `what` is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?
    /// The file, with row and column where they are known.
    package var place: String
    package var remedy: String
    /// The rule, if more is known than the kind says.
    private var specificRule: Rule?

    /// - Parameter rule: the rule that was broken; by default that of the kind.
    package init(_ kind: Kind, rule: Rule? = nil, what: Reason, place: String, remedy: String) {
        self.kind = kind
        specificRule = rule
        self.what = what.text
        cells = what.cells
        self.place = place
        self.remedy = remedy
    }
}

extension Failure {
    /// The rule that was broken.
    package var rule: Rule { specificRule ?? kind.rule }

    private enum CodingKeys: String, CodingKey {
        case kind, what, cells, place, remedy
        case specificRule = "rule"
    }
}

extension Failure.Kind {
    fileprivate var rule: Rule {
        switch self {
        case .badInput: .dataInvalid
        case .badModel: .modelInvalid
        case .inputChanged: .inputChanged
        case .inputGone: .inputGone
        case .machine: .machineFault
        case .unreadable: .inputUnreadable
        case .resource: .attemptResources
        case .timeLimit: .attemptTime
        case .loadTime: .attemptLoadTime
        case .standstill: .attemptStandstill
        case .memoryLimit: .attemptMemory
        case .workerDied: .attemptDeath
        case .cancelled: .attemptCancelled
        case .stopped: .attemptStopped
        case .modelUnavailable: .modelUnavailable
        case .tooFewRows: .labelsFew
        case .gate: .trainingGate
        case .diverged: .trainingDiverged
        case .executorLost: .attemptLost
        }
    }
}

extension Failure: Reasoned, CustomStringConvertible {
    package var description: String { reason.sentence }

    /// The whole text: what failed, where, and what to do.
    package var reason: Reason { "\(statement). \(remedy)" }

    /// The fault and its place, which is named once.
    package var statement: Reason { what.hasPrefix(place) ? fullReason : "\(place): \(fullReason)" }

    /// The failure, with the values of cells where they are known.
    package var fullReason: Reason { Reason(what, cells: cells) }
}
