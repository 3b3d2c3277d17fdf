package import Arrivals
import FileSystem
package import Ledger
import Logging
import PipelineConfig

extension Dispatcher {
    /// Does what commands have asked for, in the order in which they asked.
    /// - Returns: the runs whose attempts are to end.
    @discardableResult
    package func applyRequests(at now: UTCTime) throws(LedgerError) -> [Int64] {
        var stopping: [Int64] = []
        let inForce = Array(pipelines.values)
        let inputs = publisher.lookup(among: inForce)
        for pending in try ledger.pendingRequests() {
            let outcome = try ledger.write { (tx) throws(LedgerError) in
                let outcome = try tx.apply(pending.request, by: "command", at: now, inputs: inputs)
                try tx.answer(pending.id, outcome, at: now)
                if !outcome.isRefused { try tx.append(pending.request.events(outcome), at: now) }
                return outcome
            }
            log.notice("request", metadata: ["request": "\(pending.request.kind)", "answer": "\(outcome.message)"])
            guard !outcome.isRefused else { continue }
            for affected in outcome.affected {
                forget(affected.arrival, in: affected.pipeline)
                stale.insert(affected.pipeline)
            }
            if let run = outcome.stopping { stopping.append(run) }
            switch pending.request {
            case .forget:
                for affected in outcome.affected { clearReason(affected.role, affected.path, in: affected.pipeline) }
            case .unpin(let name): try pinOnDisk(nil, in: name)
            case .activate(let name, let version), .pin(let name, let version):
                if let activation = outcome.activation {
                    scheduler.activated(.init(position: activation.position, version: activation.version), in: name)
                }
                try activateOnDisk(version, in: name)
                if case .pin = pending.request { try pinOnDisk(version, in: name) }
            case .pause, .resume:
                try applyPauses()
            case .retry, .replay, .stop:
                break
            }
        }
        return stopping
    }

    private func pinOnDisk(_ version: Int?, in name: String) throws(LedgerError) {
        try readVersions(of: name)
        guard let pipeline = pipelines[name] else { return }
        do throws(FileSystemError) {
            try publisher.pin(version: version, in: pipeline)
        } catch {
            log.error("the pin could not be noted beside the versions", metadata: ["pipeline.name": "\(name)", "reason": "\(error)"])
        }
    }

    /// The cause of a reason in quarantine is gone.
    func clearReason(_ role: ArrivalRole, _ path: String, in name: String) {
        guard let pipeline = pipelines[name] else { return }
        do throws(FileSystemError) {
            try publisher.clearReason(role: role, path: path, pipeline: pipeline)
        } catch {
            log.warning(
                "a reason stays in quarantine", metadata: ["pipeline.name": "\(name)", "file.path": "\(path)", "reason": "\(error)"])
        }
    }

    private func activateOnDisk(_ version: Int, in name: String) throws(LedgerError) {
        try readVersions(of: name)
        guard let pipeline = pipelines[name] else { return }
        do throws(FileSystemError) {
            try publisher.activate(version: version, in: pipeline)
        } catch {
            log.error("ACTIVE could not be written", metadata: ["pipeline.name": "\(name)", "reason": "\(error)"])
        }
    }
}

extension Request {
    /// The events that tell of a request that was done: one for each arrival that now waits again, or one for the request.
    func events(_ outcome: RequestOutcome) -> [NewEvent] {
        if !outcome.affected.isEmpty { return outcome.affected.map { NewEvent(kind, pipeline: $0.pipeline, arrival: $0.arrival) } }
        switch self {
        case .retry, .replay, .forget: return [NewEvent(kind)]
        case .unpin(let pipeline): return [NewEvent(kind, pipeline: pipeline)]
        case .pause(let pipeline), .resume(let pipeline): return [NewEvent(kind, pipeline: pipeline)]
        case .activate(let pipeline, let version), .pin(let pipeline, let version):
            return [NewEvent(kind, pipeline: pipeline, payload: "{\"version\":\(version)}")]
        case .stop(let run): return [NewEvent(kind, run: run)]
        }
    }
}
