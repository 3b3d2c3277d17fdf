/// Names the rules by which it is decided what becomes of a file, a model or a pipeline file. Each has a dotted code, which is in the
/// ledger, in reason files and in JSON, and is never used for another rule. `README.md` in this folder lists them all.
package enum Rule: String, Hashable, Sendable, CaseIterable {
    // MARK: Arrivals
    case arrivalDone = "arrival.done"
    case arrivalRunning = "arrival.running"
    case arrivalChanged = "arrival.changed"
    case arrivalForgotten = "arrival.forgotten"

    // MARK: Files in spools
    case inputGone = "input.gone"
    case inputDeleted = "input.deleted"
    case inputChanged = "input.changed"
    case inputUnreadable = "input.unreadable"
    case directoryUnreadable = "directory.unreadable"
    case spoolOutside = "spool.outside"
    case spoolDirectory = "spool.directory"
    case settleSeal = "settle.seal"
    case settleQuiet = "settle.quiet"
    case settleNumber = "settle.number"
    case nameInclude = "name.include"
    case nameHidden = "name.hidden"
    case nameUnderscore = "name.underscore"
    case nameTemporary = "name.temporary"
    case nameConflict = "name.conflict"
    case nameSystem = "name.system"
    case nameSignature = "name.signature"
    case nameControl = "name.control"
    case nameEncoding = "name.encoding"
    case linkDangling = "link.dangling"
    case linkOutward = "link.outward"
    case linkDirectory = "link.directory"
    case specialFIFO = "special.fifo"
    case specialSocket = "special.socket"
    case specialDevice = "special.device"
    case specialUnknown = "special.unknown"

    // MARK: Signatures
    case trustMissing = "trust.missing"
    case trustInvalid = "trust.invalid"

    // MARK: Waiting
    case waitPaused = "wait.paused"
    case waitModel = "wait.model"
    case waitFirstVersion = "wait.first-version"
    case waitLabels = "wait.labels"
    case waitRetry = "wait.retry"
    case waitMachine = "wait.machine"
    case waitTurn = "wait.turn"

    // MARK: Data and labels
    case dataInvalid = "data.invalid"
    case dataTruncated = "data.truncated"
    case dataFormat = "data.format"
    case dataColumns = "data.columns"
    case dataValue = "data.value"
    case dataUnsupported = "data.unsupported"
    case limitColumns = "data.limit.columns"
    case limitNesting = "data.limit.nesting"
    case limitRow = "data.limit.row"
    case limitCompression = "data.limit.compression"
    case limitHeader = "data.limit.header"
    case limitBlank = "data.limit.blank"
    case labelsFew = "labels.few"

    // MARK: Models
    case modelInvalid = "model.invalid"
    case modelTruncated = "model.truncated"
    case limitModel = "model.limit"
    case modelCost = "model.cost"
    case modelSignature = "model.signature"
    case modelRows = "model.rows"
    case modelUntrainable = "model.untrainable"
    case modelUnavailable = "model.unavailable"
    case modelExternalDataOutside = "model.external-data.outside"
    case modelExternalDataLink = "model.external-data.link"
    case trainingGate = "training.gate"
    case trainingDiverged = "training.diverged"

    // MARK: Outputs
    case outputCollision = "output.collision"
    case outputTaken = "output.taken"
    case outputFillsDisk = "output.fills-disk"

    // MARK: Attempts
    case attemptResources = "attempt.resources"
    case attemptTime = "attempt.time"
    case attemptLoadTime = "attempt.load-time"
    case attemptStandstill = "attempt.standstill"
    case attemptMemory = "attempt.memory"
    case attemptCancelled = "attempt.cancelled"
    case attemptStopped = "attempt.stopped"
    case attemptLost = "attempt.lost"
    case attemptDeath = "attempt.death"
    case machineFault = "machine.fault"

    // MARK: Pipeline files and millrace.yaml
    case configUnreadable = "config.unreadable"
    case syntax = "config.syntax"
    case documentLimit = "config.limit"
    case unknownKey = "config.unknown-key"
    case duplicateKey = "config.duplicate-key"
    case missingKey = "config.missing-key"
    case wrongType = "config.wrong-type"
    case badValue = "config.bad-value"
    case notImplemented = "config.not-implemented"
    case chain = "config.chain"
    case overlap = "config.overlap"
    case duplicateName = "config.duplicate-name"
    case contradiction = "config.contradiction"

    /// Nothing that is known was recorded.
    case unrecorded = "rule.unrecorded"

    package var code: String { rawValue }
}

extension Rule: CustomStringConvertible {
    package var description: String { code }
}
