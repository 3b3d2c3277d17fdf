import Attempts
import Ledger
import Logging
import PipelineConfig
import Reasons

extension Logger {
    /// Says that an attempt failed and what is done about it. What an operator must know of is a warning.
    func failed(_ attempt: OpenAttempt, _ failure: Failure, _ action: FailurePolicy.Action) {
        let (level, message): (Logger.Level, Logger.Message) =
            switch action {
            case .quarantine: (.warning, "quarantined")
            case .reject: (.warning, "rejected")
            case .retry, .resettle, .awaitMachine, .awaitFile, .handBack: (.notice, "attempt failed")
            }
        log(
            level: level, message,
            metadata: [
                "pipeline.name": "\(attempt.pipeline.name)", "file.path": "\(attempt.arrival.path)",
                "run.id": .number(attempt.run.number), "attempt": .number(attempt.run.attempt), "action": "\(action)",
            ].merging(failure.reason.logged) { $1 })
    }

    /// Says that a training does not go on from an earlier attempt's checkpoint.
    func startsOver(_ attempt: OpenAttempt, _ why: String) {
        notice(
            "a training starts over",
            metadata: [
                "pipeline.name": "\(attempt.pipeline.name)", "file.path": "\(attempt.arrival.path)", "run.id": .number(attempt.run.number),
                "reason": "\(why)",
            ])
    }

    /// Says that a run is done, for `--verbose`.
    func done(_ end: RunDecisions.Closed) {
        guard logLevel <= .info, case .done(let verdict) = end.closing.outcome else { return }
        let (attempt, closing) = (end.attempt, end.closing)
        var fields: Logger.Metadata = [
            "pipeline.name": "\(attempt.pipeline.name)", "file.path": "\(attempt.arrival.path)", "run.id": .number(closing.run),
        ]
        if let verdict { fields["verdict"] = "\(verdict)" }
        if let rows = closing.rowCount { fields["rows"] = .number(rows) }
        if let version = attempt.run.version { fields["model.version"] = .number(version) }
        if let seconds = closing.timings["total"] { fields["seconds"] = .number(seconds) }
        info("done", metadata: fields)
    }
}

extension Reason {
    /// The fields of a log line: the sentence and, apart from it, what cells of tables hold.
    var logged: Logger.Metadata {
        var fields: Logger.Metadata = ["reason": "\(text)"]
        if let cells { fields["cell.values"] = "\(cells.values)" }
        return fields
    }
}

extension RunClosing {
    private struct Payload: Encodable {
        var reason: String?
        var rule: Rule?
        var remedy: String?
        var verdict: String?
    }

    /// The JSON that an event carries besides the file; nil where there is none. It never has what cells of tables hold.
    var payload: String? {
        var payload = Payload()
        switch outcome {
        // Every file that is scored comes here.
        case .done(nil): return nil
        case .done(let verdict?): payload.verdict = verdict
        case .kept(let why), .rejected(let why), .quarantined(let why):
            (payload.reason, payload.rule, payload.remedy) = (why.reason, why.rule, why.remedy)
        case .void(let reason): payload.reason = reason
        case .gone: break
        }
        return payload.compactJSON.flatMap { $0 == "{}" ? nil : $0 }
    }
}

extension RunClosing.Outcome {
    var eventKind: String {
        switch self {
        case .done: "done"
        case .kept: "kept"
        case .rejected: "rejected"
        case .quarantined: "quarantined"
        case .void: "void"
        case .gone: "gone"
        }
    }
}
