import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import Machine
package import PipelineConfig
import SystemPackage

extension Dispatcher.Assignment {
    /// Returns the output that an attempt has written as it is to be published.
    /// - Parameter path: the place of the output, relative to the output folder.
    func stagedOutput(_ result: AttemptResult, path: String, pins: ManifestPins?) -> StagedOutput {
        let file = result.files[0]
        return StagedOutput(
            run: run.number, staged: FilePath(file.path),
            file: OutputFile(root: pipeline.land.outputs!.path, path: path, digest: file.digest, byteCount: file.byteCount),
            access: pipeline.land.access.landing,
            provenance: Provenance(
                pipeline: arrival.pipeline, input: arrival.path, inputDigest: arrival.file.digest, rows: result.rowCount.map(Int.init),
                modelVersion: run.version, modelDigest: spec.versionDigest, revision: run.revision, arrival: arrival.number,
                execution: spec.execution, pins: pins))
    }
}

extension RunLedger {
    /// Returns where an output goes, relative to the output folder: where the path's output went before, if it has one, since a replacement
    /// goes where the first went (SEMANTICS 14).
    func outputPath(of attempt: OpenAttempt) throws(FileSystemError) -> String {
        let arrival = attempt.arrival
        let landing = attempt.pipeline.land.outputs!
        let last =
            attempt.run.mayReplace ? try? lastPublications(pipeline: arrival.pipeline, role: arrival.role, path: arrival.path) : nil
        if let before = last?.map(\.output).first(where: {
            $0.root == landing.path && landing.naming.mayHaveNamed($0.path, for: arrival.path)
        }) {
            return before.path
        }
        return try landing.naming.path(
            for: arrival.path, facts: .init(arrivedAt: arrival.arrivedAt, version: attempt.run.version ?? 0))
    }

    /// Records what is about to become visible, durably.
    /// - Parameters:
    ///   - mayReplace: the runs for whose input there was an attempt, or other content, before.
    ///   - machines: the machines on which the outputs were made, by run.
    func intend(
        _ outputs: [StagedOutput], mayReplace: Set<Int64>, machines: [Int64: AttemptMachine]
    ) throws(LedgerError) -> [LandingPermission] {
        let intentions = outputs.map {
            Intention(run: $0.run, output: $0.file, machine: machines[$0.run], execution: $0.provenance.execution)
        }
        return try write { (tx) throws(LedgerError) in
            var permissions: [LandingPermission] = []
            for (intention, outcome) in zip(intentions, try tx.intend(intentions)) {
                switch outcome {
                case .intended(_, let replaces):
                    let unfinished = mayReplace.contains(intention.run) ? try tx.unfinished(intention) : []
                    permissions.append(.publish(replacing: [replaces?.output.digest].compactMap(\.self) + unfinished))
                case .owned(let owner): permissions.append(.refuse(owner: owner.inputPath))
                }
            }
            return permissions
        }
    }
}

extension OutputLanding {
    var naming: OutputNaming {
        OutputNaming(
            fileExtension: format.fileExtension,
            partitionBy: partitionBy.map { key in
                switch key {
                case .arrivalDate: .arrivalDate
                case .version: .version
                case .stem: .stem
                }
            })
    }
}

extension OutputFormat {
    package var fileExtension: String { rawValue }
}
