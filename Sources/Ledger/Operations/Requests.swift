package import Arrivals
import Foundation
internal import Names
internal import Reasons

extension LedgerTransaction {
    /// Leaves a request for the daemon, and returns the number to ask for with `answer(to:)`.
    package func submit(_ request: Request, at time: UTCTime) throws(LedgerError) -> Int64 {
        try connection.insert(
            "INSERT INTO requests (kind, body, submitted_at) VALUES (?, ?, ?)", request.kind, try connection.json(request), time)
    }

    package func answer(_ request: Int64, _ outcome: RequestOutcome, at time: UTCTime) throws(LedgerError) {
        try connection.run("UPDATE requests SET answered_at = ?, answer = ? WHERE id = ?", time, try connection.json(outcome), request)
    }

    /// Does what a request asks. A refusal is an answer, not an error.
    /// - Parameter inputs: answers questions about the files of the arrivals that the request is about.
    package func apply(
        _ request: Request, by cause: String, at time: UTCTime, inputs: InputLookup? = nil
    ) throws(LedgerError) -> RequestOutcome {
        switch request {
        case .retry(let selection): return try retry(selection, inputs)
        case .replay(let selection): return try replay(selection, inputs)
        case .pause(let pipeline):
            try connection.run("INSERT OR IGNORE INTO pauses (pipeline, since) VALUES (?, ?)", pipeline ?? "", time)
            return RequestOutcome(message: "\(pipeline ?? "every pipeline") is paused")
        case .resume(let pipeline):
            if let pipeline {
                try connection.run("DELETE FROM pauses WHERE pipeline = ?", pipeline)
                if try connection.pauses().all {
                    return RequestOutcome(
                        isRefused: true,
                        message: "every pipeline is paused, \(pipeline) with them. millrace resume without a name resumes all.")
                }
            } else {
                try connection.run("DELETE FROM pauses")
            }
            return RequestOutcome(message: "\(pipeline ?? "every pipeline") is resumed")
        case .stop(let run): return try stop(run)
        case .activate(let pipeline, let version):
            if let pinned = try connection.pin(of: pipeline), pinned != version {
                return RequestOutcome(
                    isRefused: true,
                    message:
                        "version \(pinned) of \(pipeline) is pinned. millrace activate \(pipeline) \(version) --pin pins this one instead; "
                        + "millrace activate \(pipeline) --unpin takes the pin away.")
            }
            return try activated(
                pipeline, version, "version \(version) of \(pipeline) is in force for what arrives from now on", by: cause, at: time)
        case .pin(let pipeline, let version): return try pin(pipeline, version, by: cause, at: time)
        case .unpin(let pipeline): return try unpin(pipeline)
        case .forget(let selection): return try forget(selection, inputs)
        }
    }

    /// Only says whether there is an attempt to stop: the daemon stops it, and its end is recorded as that of any attempt.
    private func stop(_ number: Int64) throws(LedgerError) -> RequestOutcome {
        guard try connection.first("SELECT 1 FROM runs WHERE id = ?", number, row: { _ in true }) ?? false else {
            return RequestOutcome(isRefused: true, message: "there is no run \(number)")
        }
        let run = try runRow(number)
        guard run.state == .open else {
            return RequestOutcome(isRefused: true, message: "run \(number) does not run: it is \(run.state.rawValue)")
        }
        guard run.arrival.state == .running else {
            let pipeline = try connection.pipelineName(run.arrival.pipeline)
            return RequestOutcome(
                isRefused: true,
                message:
                    "run \(number) does not run: \(run.arrival.path) waits for its next attempt. `millrace pause \(pipeline)` keeps it "
                    + "waiting."
            )
        }
        return RequestOutcome(message: "run \(number), \(run.arrival.path), is being stopped", stopping: number)
    }

    private func activated(
        _ pipeline: String, _ version: Int, _ message: String, by cause: String, at time: UTCTime
    ) throws(LedgerError) -> RequestOutcome {
        do {
            return RequestOutcome(message: message, activation: try activate(pipeline: pipeline, version: version, cause: cause, at: time))
        } catch .noSuchVersion(let pipeline, let version) {
            return RequestOutcome(isRefused: true, message: "\(LedgerError.noSuchVersion(pipeline: pipeline, version: version))")
        } catch .prunedVersion(let pipeline, let version) {
            return RequestOutcome(isRefused: true, message: "\(LedgerError.prunedVersion(pipeline: pipeline, version: version))")
        }
    }

    // MARK: Pins

    private func pin(_ pipeline: String, _ version: Int, by cause: String, at time: UTCTime) throws(LedgerError) -> RequestOutcome {
        let outcome = try activated(
            pipeline, version, "version \(version) of \(pipeline) is in force, and stays so until millrace activate \(pipeline) --unpin",
            by: cause,
            at: time)
        guard !outcome.isRefused, let key = try connection.pipelineKey(pipeline) else { return outcome }
        try connection.run("INSERT OR REPLACE INTO version_pins (pipeline, version, since) VALUES (?, ?, ?)", key, version, time)
        return outcome
    }

    private func unpin(_ pipeline: String) throws(LedgerError) -> RequestOutcome {
        guard let pinned = try connection.pin(of: pipeline), let key = try connection.pipelineKey(pipeline) else {
            return RequestOutcome(isRefused: true, message: "no version of \(pipeline) is pinned")
        }
        try connection.run("DELETE FROM version_pins WHERE pipeline = ?", key)
        return RequestOutcome(message: "version \(pinned) of \(pipeline) is in force until another is published or activated")
    }

    // MARK: Forget

    /// Clears, out of what is blocked, what is gone or settled: files in quarantine that are not in their spool any more, what was
    /// rejected, and what waits though its file is gone. What still has to be mended stays.
    private func forget(_ selection: Selection, _ inputs: InputLookup?) throws(LedgerError) -> RequestOutcome {
        var outcome = RequestOutcome(message: "")
        var refusals: [String] = []
        for row in try select(selection, among: [.quarantined, .rejected, .waiting]) {
            let isThere = inputs?.isSpooled(try input(row)) ?? true
            switch row.state {
            case .rejected where row.role == .labelled:
                // Their rows count in later trainings all the same.
                try abandonOpenRun(of: row.run)
                try setState(row, .done)
                try connection.run("UPDATE arrivals SET verdict = 'rejected, and forgotten' WHERE number = ?", row.number)
            case .rejected: try forget(row, keepingFile: true)
            case .quarantined where !isThere, .waiting where !isThere: try forget(row, keepingFile: false)
            case .quarantined:
                refusals.append("\(row.path) is still there: mend it, or remove it, or millrace retry it")
                continue
            default:
                refusals.append("\(row.path) is there and waits: millrace explain says for what")
                continue
            }
            outcome.affected.append(try affected(row))
        }
        return answered(
            &outcome, "is forgotten", refusals,
            nothing: "nothing there to forget: only what is in quarantine or waits and is gone, and what was rejected, is forgotten")
    }

    private func forget(_ row: ArrivalRow, keepingFile: Bool) throws(LedgerError) {
        try abandonOpenRun(of: row.run)
        let why = Explanation(
            reason: "it was \(row.state.rawValue), and is forgotten", rule: .arrivalForgotten)
        try setState(row, .ignored, explanation: why)
        if !keepingFile { try forgetFile(of: row) }
    }

    // MARK: Retry

    /// Lets arrivals start again that are in quarantine or wait for a later attempt: from then on they wait for room only. Their runs keep
    /// their version and are bound to the revision in force when they start, since the pipeline may have been mended. Their attempts are
    /// counted from zero.
    package func retry(_ selection: Selection, _ inputs: InputLookup? = nil) throws(LedgerError) -> RequestOutcome {
        var outcome = RequestOutcome(message: "")
        var refusals: [String] = []
        for row in try select(selection, among: [.quarantined, .rejected, .waiting]) {
            if try isDistrusted(row) {
                // Whoever judges files looks at it again, with the keys of now.
                if try forgetStamp(of: row) { outcome.affected.append(try affected(row)) }
                continue
            }
            var refusal = try refusalOfRetry(row)
            if refusal == nil, let inputs { refusal = inputs.refusal(try input(row)) }
            if let refusal {
                refusals.append(refusal)
                continue
            }
            if let run = row.run {
                try connection.run("UPDATE runs SET next_attempt_at = NULL, forgiven = attempt, rebinds = 1 WHERE id = ?", run)
            }
            if row.state != .waiting { try setState(row, .waiting) }
            outcome.affected.append(try affected(row))
        }
        return answered(
            &outcome, "waits again", refusals,
            nothing: "nothing there to retry: only what is in quarantine, rejected or waiting for a later attempt can be retried. "
                + "millrace replay does a finished file again.")
    }

    /// Returns whether it was refused for its signature, before it was an arrival that could run.
    private func isDistrusted(_ row: ArrivalRow) throws(LedgerError) -> Bool {
        guard row.state == .quarantined, row.digest == nil else { return false }
        let rule = try connection.first("SELECT rule FROM arrivals WHERE number = ?", row.number, row: { $0.textOrNil(0) }) ?? nil
        return rule == Rule.trustMissing.code || rule == Rule.trustInvalid.code
    }

    private func refusalOfRetry(_ row: ArrivalRow) throws(LedgerError) -> String? {
        if row.isHeld { return "\(row.path) waits for its file to settle" }
        if row.state == .waiting, row.run == nil { return "\(row.path) has not been tried yet" }
        if row.state == .rejected, row.run == nil {
            return "\(row.path) has the content of a rejected arrival: millrace replay decides it again"
        }
        guard row.digest != nil else { return "\(row.path) was refused without having been read: change the file, or drop another" }
        let key = try connection.first("SELECT output_key FROM arrivals WHERE number = ?", row.number, row: { $0.textOrNil(0) }) ?? nil
        if let key, let owner = try claim(key, row.pipeline, row.role, row.path, instead: nil) {
            return Self.collision(row.path, owner, key).reason
        }
        return nil
    }

    // MARK: Replay

    /// Gives another run to arrivals that are done, rejected or in quarantine. It is bound to the version and revision in force when it
    /// opens.
    package func replay(_ selection: Selection, _ inputs: InputLookup? = nil) throws(LedgerError) -> RequestOutcome {
        var outcome = RequestOutcome(message: "")
        var refusals: [String] = []
        for row in try select(selection, among: [.done, .rejected, .quarantined]) {
            let isCurrent =
                try connection.first(
                    "SELECT 1 FROM files WHERE pipeline = ? AND role = ? AND path = ? AND arrival = ?", row.pipeline, row.role, row.path,
                    row.number, row: { _ in true }) ?? false
            guard isCurrent, row.digest != nil else {
                refusals.append("arrival \(row.number) is no longer the content of \(row.path)")
                continue
            }
            if let inputs, let refusal = inputs.refusal(try input(row)) {
                refusals.append(refusal)
                continue
            }
            try connection.run(
                "UPDATE arrivals SET state = 'waiting', replaying = ?, run = NULL WHERE number = ?", row.state, row.number)
            move(pipeline: row.pipeline, role: row.role, from: row.state, to: .waiting)
            outcome.affected.append(try affected(row))
        }
        return answered(
            &outcome, "will be done again", refusals,
            nothing: "nothing there to replay: only what is done, rejected or in quarantine can be replayed")
    }

    // MARK: Parts

    private func input(_ row: ArrivalRow) throws(LedgerError) -> ArrivedFile {
        ArrivedFile(
            SpoolPlace(pipeline: try connection.pipelineName(row.pipeline), role: row.role, path: row.path), digest: row.digest ?? "",
            stamp: .none, companions: try connection.companions(of: row.number))
    }

    private func affected(_ row: ArrivalRow) throws(LedgerError) -> RequestOutcome.Affected {
        RequestOutcome.Affected(arrival: row.number, pipeline: try connection.pipelineName(row.pipeline), role: row.role, path: row.path)
    }

    private func answered(
        _ outcome: inout RequestOutcome, _ done: String, _ refusals: [String], nothing: String
    ) -> RequestOutcome {
        outcome.isRefused = outcome.affected.isEmpty
        switch outcome.affected.count {
        case 0: outcome.message = refusals.first ?? nothing
        case 1: outcome.message = "\(outcome.affected[0].path) \(done)"
        default: outcome.message = "\(outcome.affected.count) arrivals: each \(done)"
        }
        if !outcome.isRefused, let first = refusals.first { outcome.message += "; \(refusals.count) not, such as: \(first)" }
        return outcome
    }

    private func select(_ selection: Selection, among states: Set<ArrivalState>) throws(LedgerError) -> [ArrivalRow] {
        let numbers: [Int64]
        if let arrival = selection.arrival {
            numbers = [arrival]
        } else if let run = selection.run {
            numbers = try connection.all("SELECT arrival FROM runs WHERE id = ?", run, row: { $0.integer(0) })
        } else if let path = selection.path {
            numbers = try connection.currentArrivals(path: path)
        } else {
            numbers = try connection.all("SELECT arrival FROM files ORDER BY arrival", row: { $0.integer(0) })
        }
        let pipeline = try selection.pipeline.map { (name) throws(LedgerError) in try connection.pipelineKey(name) ?? -1 }
        var rows: [ArrivalRow] = []
        for number in numbers {
            guard let row = try arrivalRow(number), states.contains(row.state) else { continue }
            if let pipeline, row.pipeline != pipeline { continue }
            if let role = selection.role, row.role != role { continue }
            if let path = selection.path, !row.path.isName(path) { continue }
            if let state = selection.state, row.state != state { continue }
            if let since = selection.since {
                let arrivedAt = try connection.first("SELECT arrived_at FROM arrivals WHERE number = ?", number, row: { $0.time(0) })
                if let arrivedAt, arrivedAt < since { continue }
            }
            rows.append(row)
        }
        return rows
    }
}

extension Connection {
    func json(cells: CellValues?) throws(LedgerError) -> String? {
        guard let cells else { return nil }
        return try json(cells)
    }

    func json(_ value: some Encodable) throws(LedgerError) -> String {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw .damaged(path: path, doing: "write JSON", message: "\(error)")
        }
    }

    func decode<T: Decodable>(_ type: T.Type, _ text: String, doing: String) throws(LedgerError) -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw .damaged(path: path, doing: doing, message: "\(error)")
        }
    }
}
