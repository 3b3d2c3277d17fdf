import ArgumentParser
import Arrivals
import Daemon
import FileSystem
import Foundation
import Landing
import Ledger
import PipelineConfig
import Reports
import SystemPackage
import Terminal

/// Brings a request to the daemon and waits for its answer; where none runs, does what is asked under the daemon's lock.
struct DaemonRequest {
    let root: RootOption
    let pipelines: [Pipeline]
    var patience: Duration = .seconds(5)

    /// Prints the answer; throws where it is a refusal or does not come.
    @discardableResult
    func ask(_ request: Request, json: Bool) throws -> RequestOutcome {
        let outcome = try reportingErrors { try send(request) }
        if json {
            try printJSON(outcome)
        } else if outcome.isRefused {
            throw fail("\(outcome.message)")
        } else {
            print("\(outcome.message)")
            guard outcome.affected.count > 1 else { return outcome }
            for affected in outcome.affected.prefix(20) { print("  \(affected.pipeline) \(affected.role.rawValue) \(affected.path)") }
            if outcome.affected.count > 20 { print("  and \(outcome.affected.count - 20) more") }
        }
        if outcome.isRefused { throw ExitCode.failure }
        return outcome
    }

    private func send(_ request: Request) throws -> RequestOutcome {
        let stateDirectory = try root.stateDirectory
        let reading = try RunLedger(stateDirectory: stateDirectory, readOnly: true)
        try checkNames(request, reading)
        switch request {
        case .activate(let name, let version), .pin(let name, let version): try checkFiles(name, version, reading)
        default: break
        }
        let ledger = try RunLedger(stateDirectory: stateDirectory)
        let id = try ledger.submit(request, at: .now)
        let deadline = ContinuousClock.now + patience
        while true {
            if let outcome = try ledger.answer(to: id) { return outcome }
            if try answerHere(ledger) { continue }
            guard ContinuousClock.now < deadline else { break }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw fail(
            "the daemon (\(root.daemon?.description ?? "gone")) has not answered within \(patience.components.seconds) s. "
                + "The request stays with it as number \(id) and is done when it next looks, or when it next starts.",
            ExitStatus.stillWaiting)
    }

    /// Answers all pending requests under the daemon's lock. Returns false where a daemon runs, or another process has the lock.
    private func answerHere(_ ledger: RunLedger) throws -> Bool {
        guard root.daemon == nil else { return false }
        let stateDirectory = try root.stateDirectory
        let lock: DaemonLock
        do throws(LedgerError) {
            lock = try DaemonLock(stateDirectory: stateDirectory, for: .command)
        } catch .locked {
            return false
        }
        try withExtendedLifetime(lock) {
            let work = try root.place.work
            for pending in try ledger.pendingRequests() {
                let outcome = try ledger.answer(pending, at: .now, inputs: DecidedInputs.lookup(among: pipelines, work: work))
                if !outcome.isRefused { try apply(pending.request, outcome, ledger) }
            }
        }
        return true
    }

    /// Does on disk what the ledger has taken note of.
    private func apply(_ request: Request, _ outcome: RequestOutcome, _ ledger: RunLedger) throws {
        switch request {
        case .activate(let name, let version): try models(of: name, ledger) { try $0.activate(version) }
        case .pin(let name, let version):
            try models(of: name, ledger) {
                try $0.activate(version)
                try $0.pin(version)
            }
        case .unpin(let name): try models(of: name, ledger) { try $0.pin(nil) }
        case .forget:
            for affected in outcome.affected {
                guard let pipeline = pipelines.first(where: { $0.name == affected.pipeline }) else { continue }
                try DecidedInputs.clearReason(role: affected.role, path: affected.path, pipeline: pipeline)
            }
        case .retry, .replay, .pause, .resume, .stop: break
        }
    }

    // MARK: Checks before a request is left

    private func checkNames(_ request: Request, _ ledger: RunLedger) throws {
        let name: String?
        switch request {
        case .retry(let selection), .replay(let selection), .forget(let selection): name = selection.pipeline
        case .activate(let pipeline, _), .pin(let pipeline, _), .unpin(let pipeline): name = pipeline
        case .pause(let pipeline), .resume(let pipeline): name = pipeline
        case .stop: name = nil
        }
        if let name { try checkPipeline(name, ledger, pipelines) }
    }

    private func checkFiles(_ name: String, _ version: Int, _ ledger: RunLedger) throws {
        let isThere = try ledger.versions(pipeline: name).contains { $0.version == version && $0.verdict == .published && !$0.isPruned }
        // The ledger's own refusal says more than a missing folder.
        guard isThere, let folder = try models(of: name, ledger) else { return }
        guard FileManager.default.fileExists(atPath: "\(folder)/\(version)/card.json") else {
            throw FileSystemError.noSuchVersion(FilePath(folder), version: version)
        }
    }

    // MARK: ACTIVE

    private func models(of name: String, _ ledger: RunLedger, _ body: (ModelVersionDirectory) throws -> Void) throws {
        guard let folder = try models(of: name, ledger) else { return }
        let place = try root.place
        let area = try StagingArea(
            for: FilePath(folder), root: FilePath(root.path), work: FilePath(place.work), epoch: place.epoch,
            avoiding: pipelines.flatMap(CanonicalPaths.folders).map { FilePath($0) })
        let access = pipelines.first { $0.name == name }?.land.access.landing ?? .standard
        let signer = try root.settings.sign?.read()
        try body(ModelVersionDirectory(path: FilePath(folder), area: area, access: access, signer: signer))
    }

    /// Returns the folder of a pipeline's models: the one in the pipeline file, or else the one in which its newest card is
    /// (`FOLDER/VERSION/card.json`).
    private func models(of name: String, _ ledger: RunLedger) throws(LedgerError) -> String? {
        if let landing = pipelines.first(where: { $0.name == name })?.land.models { return landing.path }
        let card = try ledger.versions(pipeline: name).last { $0.verdict == .published && $0.card != nil }?.card
        return card.map { FilePath($0).removingLastComponent().removingLastComponent().string }
    }
}

/// Throws where neither the ledger nor the files know a pipeline of that name, which is then misspelled.
func checkPipeline(_ name: String, _ ledger: RunLedger, _ pipelines: [Pipeline]) throws {
    let known = Set(try ledger.pipelines()).union(pipelines.map(\.name)).sorted()
    guard !known.contains(name) else { return }
    throw fail("there is no pipeline \(name). Known: \(known.isEmpty ? "none" : known.joined(separator: ", ")).")
}
