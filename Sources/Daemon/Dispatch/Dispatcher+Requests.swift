package import Arrivals
import FileSystem
import Landing
package import Ledger
import Logging
import PipelineConfig

extension Dispatcher {
    /// Holds what others are to do for the requests that were applied.
    package struct Applied {
        /// The runs whose attempts are to end.
        var stopping: [Int64] = []
        /// The files that the watcher is to look at again: those that were refused for their signatures were never read into the ledger.
        var again: [SpoolPlace] = []
    }

    /// Does what commands have asked for, in the order in which they asked.
    @discardableResult
    package func applyRequests(at now: UTCTime) throws(LedgerError) -> Applied {
        var applied = Applied()
        let inputs = publisher.lookup(among: Array(pipelines.all))
        for pending in try ledger.pendingRequests() {
            FaultPoint.reach(.requestBegin)
            let outcome = try ledger.write { (tx) throws(LedgerError) in
                let outcome = try tx.apply(pending.request, by: "command", at: now, inputs: inputs)
                try tx.answer(pending.id, outcome, at: now)
                if !outcome.isRefused { try tx.append(pending.request.events(outcome), at: now) }
                return outcome
            }
            FaultPoint.reach(.requestRecorded)
            log.notice("request", metadata: ["request": "\(pending.request.kind)", "answer": "\(outcome.message)"])
            guard !outcome.isRefused else { continue }
            for affected in outcome.affected {
                forget(affected.arrival, in: affected.pipeline)
                window.readAgain(affected.pipeline)
            }
            if let run = outcome.stopping { applied.stopping.append(run) }
            switch pending.request {
            case .forget:
                for affected in outcome.affected { clearReason(affected.role, affected.path, in: affected.pipeline) }
            case .unpin(let name): try versions.pin(nil, in: name)
            case .activate(let name, let version): try versions.activate(version, outcome.activation, in: name)
            case .pin(let name, let version):
                try versions.activate(version, outcome.activation, in: name)
                try versions.pin(version, in: name)
            case .pause, .resume:
                try applyPauses()
            case .retry:
                applied.again += outcome.affected.filter { $0.role != .data }.map {
                    SpoolPlace(pipeline: $0.pipeline, role: $0.role, path: $0.path)
                }
            case .replay, .stop:
                break
            }
        }
        return applied
    }
}

extension Request {
    /// Returns the events that tell of a request that was done: one for each arrival that now waits again, or one for the request.
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
