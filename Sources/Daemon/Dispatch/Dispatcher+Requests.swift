import Landing
package import Ledger
import Logging
import PipelineConfig

extension Dispatcher {
    /// Does what commands have asked for, in the order in which they asked.
    package func applyRequests(at now: UTCTime) throws(LedgerError) {
        let inForce = Array(pipelines.values)
        let inputs = publisher.lookup(among: inForce)
        for pending in try ledger.pendingRequests() {
            let outcome = try ledger.write { (tx) throws(LedgerError) in
                let outcome = try tx.apply(pending.request, by: "command", at: now, inputs: inputs)
                try tx.answer(pending.id, outcome, at: now)
                if !outcome.isRefused { try tx.append([NewEvent(pending.request.kind)], at: now) }
                return outcome
            }
            log.notice("request", metadata: ["request": "\(pending.request.kind)", "answer": "\(outcome.message)"])
            guard !outcome.isRefused else { continue }
            for affected in outcome.affected {
                forget(affected.arrival, in: affected.pipeline)
                stale.insert(affected.pipeline)
            }
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
            case .retry, .replay:
                break
            }
        }
    }

    private func pinOnDisk(_ version: Int?, in name: String) throws(LedgerError) {
        try readVersions(of: name)
        guard let pipeline = pipelines[name] else { return }
        do throws(LandingError) {
            try publisher.pin(version: version, in: pipeline)
        } catch {
            log.error("the pin could not be noted beside the versions", metadata: ["pipeline.name": "\(name)", "reason": "\(error)"])
        }
    }

    /// The cause of a reason in quarantine is gone.
    func clearReason(_ role: ArrivalRole, _ path: String, in name: String) {
        guard let pipeline = pipelines[name] else { return }
        do throws(LandingError) {
            try publisher.clearReason(role: role, path: path, pipeline: pipeline)
        } catch {
            log.warning("a reason stays in quarantine", metadata: ["pipeline.name": "\(name)", "file.path": "\(path)", "reason": "\(error)"])
        }
    }

    private func activateOnDisk(_ version: Int, in name: String) throws(LedgerError) {
        try readVersions(of: name)
        guard let pipeline = pipelines[name] else { return }
        do throws(LandingError) {
            try publisher.activate(version: version, in: pipeline)
        } catch {
            log.error("ACTIVE could not be written", metadata: ["pipeline.name": "\(name)", "reason": "\(error)"])
        }
    }
}
