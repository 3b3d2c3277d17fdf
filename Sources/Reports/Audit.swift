import Arrivals
import FileSystem
import Foundation
import Landing
package import Ledger
package import PipelineConfig
import SystemPackage

/// Compares the ledger with the disk: what it says is published must stand there, and nothing half-done may be left.
package struct Audit: Report {
    package enum Kind: String, Encodable, Sendable {
        case missing, size, digest, unreadable, card, active
        case openRun = "open_run"
        case unknownVersion = "unknown_version"
        case leftover
    }

    package struct Difference: Encodable, Sendable {
        package var kind: Kind
        package var path: String
        package var what: String
        package var remedy: String
    }

    package private(set) var checkedFiles = 0
    package private(set) var checkedVersions = 0
    package private(set) var differences: [Difference] = []
    private let ledger: RunLedger
    private let stateDirectory: String
    private let workDirectory: String
    private let comparesDigests: Bool

    private enum CodingKeys: String, CodingKey { case checkedFiles, checkedVersions, differences }

    /// Compares the ledger with the disk, while a daemon may be at work. It changes nothing.
    /// - Parameter comparesDigests: whether published files are read as a whole, or only their sizes are compared.
    package init(ledger: RunLedger, settings: RootSettings, comparesDigests: Bool) throws(LedgerError) {
        self.ledger = ledger
        stateDirectory = settings.state
        let folder = WorkFolder(FilePath(settings.work), state: FilePath(settings.state))
        workDirectory = ((try? folder.inForce()) ?? nil).map { folder.folder($0).string } ?? settings.work
        self.comparesDigests = comparesDigests
        try checkPublications()
        try checkLeft()
        for pipeline in try ledger.pipelines() { try checkVersions(pipeline) }
        if DaemonLock.holder(stateDirectory: stateDirectory) == nil {
            try checkOpenRuns()
            checkStaging()
        }
    }

    package var lines: [Printed] {
        differences.map { "\(shownPath($0.path)): \($0.what). \($0.remedy)" } + [
            """
            \(counted(checkedFiles, "published file")) and \(counted(checkedVersions, "model version")) compared by \
            \(comparesDigests ? "digest" : "size"): \(counted(differences.count, "difference"))
            """
        ]
    }

    // MARK: Outputs

    private mutating func checkPublications() throws(LedgerError) {
        var last: Publication?
        while true {
            let page = try ledger.published(after: last)
            guard let end = page.last else { return }
            last = end
            for publication in page {
                checkedFiles += 1
                let output = publication.output
                let found = try lasting { () throws(LedgerError) -> (kind: Kind, what: String)? in
                    // A daemon may have replaced it in the meantime.
                    guard let fault = fault(of: output.absolutePath, byteCount: output.byteCount, digest: output.digest),
                        try ledger.owner(root: output.root, path: output.path)?.number == publication.number
                    else { return nil }
                    return fault
                }
                guard let found else { continue }
                differences.append(
                    Difference(
                        kind: found.kind, path: output.absolutePath,
                        what: "\(found.what); run \(publication.run) published it for \(publication.inputPath)",
                        remedy: found.kind == .missing
                            ? "Put it back, or millrace replay \(publication.inputPath)."
                            : "Move it away and millrace replay \(publication.inputPath)."))
            }
        }
    }

    /// Records outputs that were to be removed, and that are there all the same.
    private mutating func checkLeft() throws(LedgerError) {
        for state in [PublicationState.left, .leaving, .orphaned] {
            for publication in try ledger.publications(state) {
                let output = publication.output
                guard FileManager.default.fileExists(atPath: output.absolutePath),
                    try ledger.owner(root: output.root, path: output.path) == nil
                else { continue }
                if state != .left, DaemonLock.holder(stateDirectory: stateDirectory) != nil { continue }
                differences.append(
                    Difference(
                        kind: .leftover, path: output.absolutePath,
                        what: "run \(publication.run) published an output of \(publication.inputPath) there, which was to be removed",
                        remedy: state == .left
                            ? "It is not what was published, so it was left: move it away." : "Start millrace run: it removes it."))
            }
        }
    }

    /// Returns the fault that `look` finds; nil where it finds none, be it after a moment: beside a daemon, files are in place shortly
    /// before the ledger has them.
    private func lasting<Fault>(_ look: () throws(LedgerError) -> Fault?) throws(LedgerError) -> Fault? {
        for _ in 0..<5 {
            guard let fault = try look() else { return nil }
            if DaemonLock.holder(stateDirectory: stateDirectory) == nil { return fault }
            Thread.sleep(forTimeInterval: 0.1)
        }
        return try look()
    }

    private func fault(of path: String, byteCount: Int64, digest: String) -> (kind: Kind, what: String)? {
        do throws(FileSystemError) {
            guard let stamp = try FileDigest.stamp(FilePath(path)) else { return (.missing, "it is missing") }
            if stamp.size != byteCount { return (.size, "it has \(stamp.size) bytes, and was published with \(byteCount)") }
            guard comparesDigests else { return nil }
            let found = try FileDigest.of(FilePath(path)).digest
            return found == digest ? nil : (.digest, "its digest is \(found.shortDigest), and was published as \(digest.shortDigest)")
        } catch {
            return (.unreadable, "\(error)")
        }
    }

    // MARK: Versions

    private mutating func checkVersions(_ pipeline: String) throws(LedgerError) {
        let versions = try ledger.versions(pipeline: pipeline).filter { $0.verdict == .published }
        var roots: [String] = []
        for version in versions {
            guard let number = version.version, let card = version.card else { continue }
            let directory = (card as NSString).deletingLastPathComponent
            let root = (directory as NSString).deletingLastPathComponent
            if !roots.contains(root) { roots.append(root) }
            if version.isPruned { continue }
            checkedVersions += 1
            check(card, in: directory, version, number)
        }
        guard let root = roots.last else { return }
        let models = PublishedModels(path: FilePath(root))
        let standing = (try? models.numbers()) ?? []
        // The ledger is read after the folder: a number is reserved before its folder appears.
        let numbers = Set(try ledger.versions(pipeline: pipeline).compactMap(\.version))
        for number in standing where !numbers.contains(number) {
            differences.append(
                Difference(
                    kind: .unknownVersion, path: "\(root)/\(number)", what: "the ledger knows no version \(number) of \(pipeline)",
                    remedy: "Move it away, or its number is taken when a model is next published."))
        }
        try checkActive(pipeline, models)
    }

    private mutating func check(_ card: String, in directory: String, _ version: ModelVersion, _ number: Int) {
        let remedy = "Restore the folder from a copy, or activate another version and drop the model again."
        func add(_ kind: Kind, _ path: String, _ what: String) {
            differences.append(
                Difference(kind: kind, path: path, what: "\(what) (version \(number) of \(version.pipeline))", remedy: remedy))
        }
        guard FileManager.default.isReadableFile(atPath: card) else { return add(.missing, card, "it is missing or unreadable") }
        let models = PublishedModels(path: FilePath(directory).removingLastComponent())
        guard let read = try? models.card(number) else { return add(.card, card, "it is not a card") }
        // The arrival of a ledger that was restored may have another number.
        if read.version != number || read.arrival != version.arrival && read.modelDigest != version.modelDigest {
            add(.card, card, "it is the card of version \(read.version), arrival \(read.arrival)")
        }
        if let known = version.modelDigest, read.modelDigest != known {
            add(.card, card, "it names another model than the ledger does")
        }
        for file in read.files {
            let path = directory + "/" + file.path
            if let fault = fault(of: path, byteCount: file.bytes, digest: file.digest) { add(fault.kind, path, fault.what) }
        }
    }

    private mutating func checkActive(_ pipeline: String, _ models: PublishedModels) throws(LedgerError) {
        let found = try lasting { () throws(LedgerError) -> (active: Int, what: String)? in
            guard let active = try ledger.activeVersion(pipeline: pipeline) else { return nil }
            do throws(FileSystemError) {
                guard let said = try models.active() else { return (active, "it is missing") }
                return said == active ? nil : (active, "it says \(said), and version \(active) is active")
            } catch {
                return (active, "\(error)")
            }
        }
        guard let (active, what) = found else { return }
        differences.append(
            Difference(
                kind: .active, path: models.path.appending("ACTIVE").string, what: what,
                remedy: "millrace activate \(pipeline) \(active) writes it anew."))
    }

    // MARK: What a daemon left

    private mutating func checkOpenRuns() throws(LedgerError) {
        for open in try ledger.openRuns() where open.arrival.state == .running {
            differences.append(
                Difference(
                    kind: .openRun, path: open.arrival.path,
                    what: "run \(open.number) of \(open.arrival.pipeline) is open, and no daemon works on this root",
                    remedy: "Start millrace run: it finishes what is in place and tries the rest again."))
        }
    }

    private mutating func checkStaging() {
        for folder in ["work", "held"] {
            let path = "\(workDirectory)/staging/\(folder)"
            for name in ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() {
                differences.append(
                    Difference(
                        kind: .leftover, path: path + "/" + name,
                        what: folder == "work" ? "an attempt left it" : "an input on its way out was left here",
                        remedy: "Start millrace run: it "
                            + (folder == "work" ? "sweeps its staging folder." : "finishes the move or takes it back.")))
            }
        }
    }
}
