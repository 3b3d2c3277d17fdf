package import Arrivals
package import FileSystem
import Foundation
import Landing
package import Ledger
import Names
package import PipelineConfig
import Reasons
import Recipes
package import Signatures
import SystemPackage

/// Restores a lost ledger from manifests and cards (SEMANTICS 15): every arrival that was published, with its number. Those that were
/// rejected or quarantined, and models that never became a version, left nothing behind and are decided again.
package struct Restoration: Sendable {
    package let pipeline: String
    private let revisions: (former: String, current: String)
    private let kept: KeptFiles
    private var results: [RestoredResult] = []
    /// The pins of first files, in the order of the manifest's lines.
    private var pins: [(revision: String, arrival: Int64, pins: ManifestPins)] = []
    /// The version that `ACTIVE` names.
    private var active: Int?
    private var pinned: Int?
    /// The keys of which one must have signed a version, for it to be restored; nil where none needs to be signed.
    private let keys: [VerifyingKey]?
    /// The faults of what is beside published files, one sentence each.
    private var problems: [String] = []

    /// - Parameters:
    ///   - work: the work folder, which may still have what is kept for training.
    ///   - signer: the key by which what lands is signed; nil where nothing is.
    package init(of pipeline: Pipeline, work: String, signer: VerifyingKey?) throws(FileSystemError) {
        // Who may write where versions stand could put one there that nobody has signed, and no ledger would know better.
        keys = pipeline.trust.models.flatMap { trusted in signer.flatMap { trusted.isRequired ? [$0] + trusted.keys : nil } }
        self.pipeline = pipeline.name
        revisions = (pipeline.formerRevision.full, pipeline.revision.full)
        kept = KeptFiles(work: FilePath(work), pipeline: pipeline.name)
        if let landing = pipeline.land.outputs { try readManifests(landing, pipeline) }
        if let landing = pipeline.land.models { try readCards(landing, pipeline) }
    }

    // MARK: Reading

    private mutating func readManifests(_ landing: OutputLanding, _ pipeline: Pipeline) throws(FileSystemError) {
        // An arrival that was replayed has several lines, of which the last one counts.
        struct Identity: Hashable {
            let arrival: Int64
            let digest: String
        }
        var lines: NameMap<[Identity: (line: ManifestLine, root: String)]> = [:]
        for (root, file) in try Self.manifests(of: pipeline, landing, &problems) {
            let read = try Manifest.survey(of: file)
            for number in read.unreadable {
                problems.append("\(file), line \(number), cannot be read: what it tells was published is not restored")
            }
            for line in read.lines where pipeline.isOwn(line.pipeline) {
                if line.removedAt != nil {
                    // Nothing of the input is there any more, whatever content it had.
                    lines[line.input] = lines[line.input]?.filter {
                        $0.key.arrival > line.arrival || $0.value.root != root || !$0.value.line.path.isName(line.path)
                    }
                    continue
                }
                lines[line.input, default: [:]][Identity(arrival: line.arrival, digest: line.inputDigest)] = (line, root)
                if let pins = line.pins { self.pins.append((line.revision, line.arrival, pins)) }
            }
        }
        for (line, root) in lines.flatMap(\.value.values) {
            let key = try? landing.keyNaming.path(for: line.input, facts: .none)
            results.append(
                RestoredResult(
                    number: line.arrival, file: file(line.input, line.inputDigest, .data, pipeline, outputKey: key),
                    publishedAt: time(line.publishedAt),
                    revision: line.revision, scoredBy: line.modelVersion, rowCount: line.rows.map(Int64.init),
                    product: .output(.init(root: root, path: line.path, digest: line.outputDigest, byteCount: line.bytes))))
        }
    }

    /// Returns the manifests that tell of the pipeline, oldest first, with those in output folders, and under a name, that it had before.
    private static func manifests(
        of pipeline: Pipeline, _ landing: OutputLanding, _ problems: inout [String]
    ) throws(FileSystemError) -> [(root: String, file: FilePath)] {
        var found: [(String, FilePath)] = []
        for root in try FormerRoots(of: pipeline, in: landing).paths() {
            if !FileManager.default.fileExists(atPath: root + "/_millrace") {
                problems.append("\(root), where outputs landed before, has no manifest: what is known of them is not restored")
            }
            for name in pipeline.names { found += try Manifest(outputRoot: FilePath(root), pipeline: name).files().map { (root, $0) } }
        }
        for name in pipeline.names {
            found += try Manifest(outputRoot: FilePath(landing.path), pipeline: name).files().map { (landing.path, $0) }
        }
        return found
    }

    /// Returns the newest line that the manifests in the present output folder have under each name of the pipeline.
    static func newestLines(of pipeline: Pipeline) throws(FileSystemError) -> [ManifestLine] {
        guard let landing = pipeline.land.outputs else { return [] }
        var lines: [ManifestLine] = []
        for name in pipeline.names {
            if let line = try Manifest(outputRoot: FilePath(landing.path), pipeline: name).newestLine(of: name) { lines.append(line) }
        }
        return lines
    }

    private mutating func readCards(_ landing: ModelLanding, _ pipeline: Pipeline) throws(FileSystemError) {
        let models = PublishedModels(path: FilePath(landing.path))
        let read = try models.survey()
        problems += read.problems
        var own: [PublishedModels.Entry] = []
        for entry in read.entries where pipeline.isOwn(entry.card.pipeline) {
            if let keys, try !entry.isSigned(by: keys) {
                problems.append(
                    "\(entry.path) is signed neither by the key of `sign` nor by one of `trust.models`: move that version away, or add the key "
                        + "that signed it to `trust.models.keys`")
            } else {
                own.append(entry)
            }
        }
        for entry in read.entries where !pipeline.isOwn(entry.card.pipeline) && !entry.isPruned {
            problems.append("\(entry.path) is the card of pipeline \(entry.card.pipeline): move that version away")
        }
        for entry in own {
            let card = entry.card
            let role: ArrivalRole = card.trainingData?.contains { $0.digest == card.arrivalDigest } ?? false ? .labelled : .model
            let training = card.training
            results.append(
                RestoredResult(
                    number: card.arrival, file: file(card.arrivalPath, card.arrivalDigest, role, pipeline),
                    publishedAt: time(card.publishedAt),
                    revision: card.revision, verdict: role == .labelled ? "trained version \(card.version)" : "published \(card.version)",
                    product: .version(
                        .init(
                            number: card.version, digest: card.modelDigest, card: models.cardPath(card.version).string,
                            isPruned: entry.isPruned,
                            parent: card.parent?.version, parentDigest: card.parent.flatMap { keptModel($0.digest) },
                            floatDigest: card.floatParent.flatMap { keptModel($0.digest) }, training: training?.record))))
        }
        readLabels(own.map(\.card), pipeline)
        active = try models.active()
        if let keys, let version = active, try !models.isActiveSigned(by: keys) {
            problems.append(
                "ACTIVE is not signed by the key of `sign`: `millrace activate \(pipeline.name) \(version)` puts that version in force")
            active = nil
        }
        pinned = try models.pinned()
    }

    /// Adds labels that were learnt from, besides those that a card is about.
    private mutating func readLabels(_ cards: [Card], _ pipeline: Pipeline) {
        var known = Set(cards.map(\.arrival))
        for card in cards {
            for labels in card.trainingData ?? [] {
                guard let number = labels.arrival, let path = labels.path, known.insert(number).inserted else { continue }
                results.append(
                    RestoredResult(
                        number: number, file: file(path, labels.digest, .labelled, pipeline), publishedAt: time(card.publishedAt),
                        revision: card.revision, verdict: "trained version \(card.version)", product: .learntFrom))
            }
        }
    }

    /// Returns the digest; nil where the work folder does not have the model: training then starts from the version as it landed.
    private func keptModel(_ digest: String) -> String? {
        FileManager.default.fileExists(atPath: kept.model(digest).string) ? digest : nil
    }

    /// Returns a file without the stamp that it had: it is hashed once when the daemon next sees it, and known by its digest.
    private func file(_ path: String, _ digest: String, _ role: ArrivalRole, _ pipeline: Pipeline, outputKey: String? = nil) -> ArrivedFile
    {
        let size = (try? FileManager.default.attributesOfItem(atPath: pipeline.spoolPath(of: role) + "/" + path)[.size] as? Int64) ?? 0
        return ArrivedFile(
            SpoolPlace(pipeline: pipeline.name, role: role, path: path), digest: digest,
            stamp: FileStamp(device: 0, inode: 0, size: size, changed: 0), outputKey: outputKey)
    }

    private func time(_ text: String?) -> UTCTime { text.flatMap { UTCTime($0) } ?? .now }

    // MARK: Applying

    /// Tells what a restoration put into the ledger.
    package struct Report: Sendable, Encodable {
        package let pipeline: String
        package var outputs = 0
        package var versions = 0
        package var labels = 0
        /// The number of results that the ledger knew already.
        package var known = 0
        /// The version that is in force now.
        package var active: Int?
        /// The things that are not in the ledger, one sentence each.
        package var left: [String] = []
    }

    /// Says what keeps a ledger from being restored whole.
    package struct Incomplete: Error, CustomStringConvertible {
        package let reports: [Report]

        package var description: String {
            let left = reports.flatMap { report in report.left.map { "\(report.pipeline): \($0)" } }
            return "the ledger is missing, and manifests and cards do not tell all that it knew:\n"
                + left.prefix(20).map { "  \($0.printable)\n" }.joined() + (left.count > 20 ? "  and \(left.count - 20) more\n" : "")
                + "Mend that and start again; or let millrace rebuild restore all the rest, and start then."
        }
    }

    /// Puts everything back in one transaction; what the ledger has already stays as it is.
    /// - Parameter isWhole: whether all of it is to be restored, or nothing.
    package static func apply(
        _ restorations: [Restoration], to ledger: RunLedger, orNothing isWhole: Bool = false, at now: UTCTime
    ) throws -> [Report] {
        var incomplete: Incomplete?
        do throws(LedgerError) {
            return try ledger.write { (tx) throws(LedgerError) in
                var reports: [Report] = []
                for restoration in restorations { reports.append(try restoration.apply(to: tx, at: now)) }
                if isWhole, reports.contains(where: { !$0.left.isEmpty }) {
                    incomplete = Incomplete(reports: reports)
                    throw .takenBack
                }
                return reports
            }
        } catch {
            if let incomplete { throw incomplete }
            throw error
        }
    }

    private func apply(to tx: LedgerTransaction, at now: UTCTime) throws(LedgerError) -> Report {
        var report = Report(pipeline: pipeline)
        let (outcomes, numbers) = try tx.restore(results, of: pipeline)
        for (result, outcome) in zip(results, outcomes) {
            switch (outcome, result.product) {
            case (.known, _): report.known += 1
            case (.left(let why), _): report.left.append(why)
            case (.restored, .output): report.outputs += 1
            case (.restored, .version): report.versions += 1
            case (.restored, .learntFrom): report.labels += 1
            }
        }
        for line in pins {
            let arrival = numbers[line.arrival] ?? line.arrival
            _ = try tx.pinColumns(line.pins.columns ?? [:], pipeline: pipeline, revision: line.revision, arrival: arrival)
            _ = try tx.pinTypes(line.pins.types ?? [:], pipeline: pipeline, revision: line.revision, arrival: arrival)
        }
        _ = try tx.carryOver(from: revisions.former, to: revisions.current, at: now)
        if let active, try tx.activeVersion(of: pipeline) != active {
            let answer = try tx.apply(.activate(pipeline: pipeline, version: active), by: "restored", at: now)
            if answer.isRefused { report.left.append("ACTIVE names version \(active), which cannot be put in force: \(answer.message)") }
        }
        if let pinned, try tx.pinnedVersion(of: pipeline) != pinned {
            let answer = try tx.apply(.pin(pipeline: pipeline, version: pinned), by: "restored", at: now)
            if answer.isRefused { report.left.append("version \(pinned) was pinned, and cannot be put in force: \(answer.message)") }
        }
        report.active = try tx.activeVersion(of: pipeline)
        report.left += problems
        report.left.sort()
        return report
    }

    // MARK: At the start

    /// Returns whether the pipeline has published what the ledger does not know: the ledger was lost, or is an older copy.
    static func isNeeded(for pipeline: Pipeline, by ledger: RunLedger) throws -> Bool {
        if let landing = pipeline.land.outputs {
            for line in try newestLines(of: pipeline)
            where try !ledger.knowsPublication(root: landing.path, path: line.path, digest: line.outputDigest) { return true }
        }
        guard let landing = pipeline.land.models else { return false }
        let known = Set(try ledger.versions(pipeline: pipeline.name).compactMap(\.version))
        let models = PublishedModels(path: FilePath(landing.path))
        return try models.versions().contains { version in
            !known.contains(version) && (try? models.card(version)).map { pipeline.isOwn($0.pipeline) } == true
        }
    }
}
