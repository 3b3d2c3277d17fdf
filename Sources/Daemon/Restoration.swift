import Foundation
package import Landing
package import Ledger
package import PipelineConfig
import SystemPackage

/// What manifests and cards tell of a lost ledger (SEMANTICS 15): every arrival that was published, with its number. Those that were rejected or
/// quarantined, and models that never became a version, left nothing behind and are decided again.
package struct Restoration: Sendable {
    package let pipeline: String
    private let revisions: (former: String, current: String)
    package private(set) var arrivals: [RestoredArrival] = []
    /// The pins of first files, in the order of the manifest's lines.
    private var pins: [(revision: String, arrival: Int64, pins: ManifestPins)] = []
    /// As `ACTIVE` says it.
    package private(set) var active: Int?

    package var outputs: Int { arrivals.count { $0.file.role == .data } }
    package var versions: Int { arrivals.count - outputs }

    package init(of pipeline: Pipeline) throws(LandingError) {
        self.pipeline = pipeline.name
        revisions = (pipeline.formerRevision.full, pipeline.revision.full)
        if let landing = pipeline.land.outputs { try readManifests(landing, pipeline) }
        if let landing = pipeline.land.models { try readCards(landing, pipeline) }
    }

    private mutating func readManifests(_ landing: OutputLanding, _ pipeline: Pipeline) throws(LandingError) {
        let manifest = Manifest(outputRoot: FilePath(landing.path), pipeline: pipeline.name)
        // An arrival that was replayed has several lines, of which the last one counts.
        var lines: [Int64: ManifestLine] = [:]
        for file in try manifest.files() {
            for line in try Manifest.lines(of: file) where line.pipeline == pipeline.name || line.pipeline == pipeline.was {
                lines[line.arrival] = line
                if let pins = line.pins { self.pins.append((line.revision, line.arrival, pins)) }
            }
        }
        for (number, line) in lines {
            let key = try? landing.keyNaming.path(for: line.input, facts: .init(arrivedAt: 0, version: 0))
            arrivals.append(
                RestoredArrival(
                    number: number, file: file(line.input, line.inputDigest, .data, pipeline, outputKey: key), arrivedAt: time(line.publishedAt),
                    revision: line.revision, version: line.modelVersion, modelDigest: line.modelDigest,
                    outputs: [.init(root: landing.path, path: line.path, digest: line.outputDigest, byteCount: line.bytes)]))
        }
    }

    private mutating func readCards(_ landing: ModelLanding, _ pipeline: Pipeline) throws(LandingError) {
        let models = PublishedModels(path: FilePath(landing.path))
        for entry in try models.entries() where entry.card.pipeline == pipeline.name || entry.card.pipeline == pipeline.was {
            let card = entry.card
            let isTuned = card.trainingData?.contains { $0.digest == card.arrivalDigest } ?? false
            arrivals.append(
                RestoredArrival(
                    number: card.arrival, file: file(card.arrivalPath, card.arrivalDigest, isTuned ? .labelled : .model, pipeline),
                    arrivedAt: time(card.publishedAt), revision: card.revision, version: card.version,
                    modelDigest: card.modelDigest, parent: card.parent?.version,
                    card: models.cardPath(card.version).string, isPruned: entry.isPruned))
        }
        active = try models.active()
    }

    /// Without the stamp that the file had: it is hashed once when the daemon next sees it, and known by its digest.
    private func file(_ path: String, _ digest: String, _ role: ArrivalRole, _ pipeline: Pipeline, outputKey: String? = nil) -> ArrivingFile {
        let size = (try? FileManager.default.attributesOfItem(atPath: pipeline.spoolPath(of: role) + "/" + path)[.size] as? Int64) ?? 0
        return ArrivingFile(
            pipeline: pipeline.name, role: role, path: path, digest: digest, stamp: RecordedStamp(device: 0, inode: 0, size: size, changed: 0),
            outputKey: outputKey)
    }

    private func time(_ text: String?) -> UTCTime { text.flatMap { UTCTime($0) } ?? .now }

    /// Puts everything back in one transaction; what the ledger has already stays as it is.
    package static func apply(_ restorations: [Restoration], to ledger: RunLedger, at now: UTCTime) throws(LedgerError) {
        try ledger.write { (tx) throws(LedgerError) in
            try tx.restore(restorations.flatMap(\.arrivals))
            for restored in restorations {
                for line in restored.pins {
                    _ = try tx.pinColumns(
                        line.pins.columns ?? [:], pipeline: restored.pipeline, revision: line.revision, arrival: line.arrival)
                    _ = try tx.pinTypes(line.pins.types ?? [:], pipeline: restored.pipeline, revision: line.revision, arrival: line.arrival)
                }
            }
            for restored in restorations { _ = try tx.carryOver(from: restored.revisions.former, to: restored.revisions.current, at: now) }
        }
        for restored in restorations {
            guard let active = restored.active, try ledger.activeVersion(pipeline: restored.pipeline) != active else { continue }
            let request = try ledger.submit(.activate(pipeline: restored.pipeline, version: active), at: now)
            for pending in try ledger.pendingRequests() where pending.id == request { _ = try ledger.answer(pending, at: now) }
        }
    }
}
