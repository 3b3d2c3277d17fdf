import Arrivals
import Foundation
package import Ledger
package import PipelineConfig
import Reasons

/// Says what became of a file: one in a spool, whether the ledger knows it or not, or an output.
package struct Explainer {
    private let root: RootFolder
    private let map: SpoolMap
    private let ledger: RunLedger?
    private let daemon: DaemonLock.Holder?
    private let looksOutOfForce: Bool

    /// - Parameters:
    ///   - pipelines: the pipelines in whose folders the file may be.
    ///   - ledger: nil where there is none: the rules answer without one too.
    ///   - looksOutOfForce: whether files in ROOT/pipelines that are not in force are told of.
    package init(_ root: RootFolder, pipelines: [Pipeline], ledger: RunLedger?, looksOutOfForce: Bool) {
        self.root = root
        map = SpoolMap(pipelines: pipelines)
        self.ledger = ledger
        daemon = root.daemon
        self.looksOutOfForce = looksOutOfForce
    }

    /// Says what became of a file.
    /// - Parameter file: a path, from the current directory or from the root, or one relative to its spool.
    package func explain(_ file: String) throws(LedgerError) -> FileReports {
        let found = try FileFinder(map: map, ledger: ledger, root: root.path).find(file)
        let reports =
            found.known.isEmpty
            ? [try unseen(file, found)] : try found.known.map { (known) throws(LedgerError) in try seen(known, file, found) }
        return FileReports(files: reports, missingLedger: ledger == nil ? try? root.settings.state : nil)
    }

    private func seen(_ known: FileExplanation, _ file: String, _ found: FileFinder.Found) throws(LedgerError) -> FileReport {
        var verdict = FileVerdict(of: known, daemon: daemon)
        if let path = found.path, let arrival = known.visits.first?.arrival {
            let companions = try ledger?.companions(of: arrival.number) ?? []
            verdict = FileVerdict.newerContent(at: path, spool: found.place?.entry.path, than: known, companions: companions) ?? verdict
        }
        if verdict.word == .done, let remedy = try knownModel(known) { verdict.explanation.remedy = remedy }
        if let wait = try possibleWait(known) {
            verdict.explanation.remedy =
                "Name the pipeline files with --pipelines: if \(known.pipeline) has order: strict, it waits \(wait)."
        }
        var answer = FileReport(found.path.map(shownPath) ?? file, verdict)
        answer.pipeline = known.pipeline
        answer.role = known.role
        answer.path = known.path
        answer.wait = known.wait
        answer.visits = known.visits
        return answer
    }

    /// Returns what to do to put the version of a model in force that is not; nil where that is in force, or where it is no model.
    private func knownModel(_ known: FileExplanation) throws(LedgerError) -> String? {
        guard known.role == .model, let ledger, let digest = known.visits.first?.arrival.digest else { return nil }
        let own = try ledger.versions(pipeline: known.pipeline).filter {
            $0.verdict == .published && $0.sourceDigest == digest && $0.version != nil
        }
        if own.isEmpty || own.contains(where: \.isActive) { return nil }
        guard let standing = own.last(where: { !$0.isPruned })?.version else {
            return
                "Its version \(own.compactMap(\.version).max() ?? 0) was pruned: millrace replay \(known.path) makes a version of it again."
        }
        return "Its version \(standing) is not in force: millrace activate \(known.pipeline) \(standing) puts it there."
    }

    /// Returns what data waits for if its order is strict, where no pipeline file says whether it is.
    private func possibleWait(_ known: FileExplanation) throws(LedgerError) -> WaitReason? {
        guard known.wait == .forRoom, known.role == .data, !map.pipelines.contains(where: { $0.name == known.pipeline }) else { return nil }
        let strictly = try ledger?.explain(
            path: known.path, pipeline: known.pipeline, role: known.role, strict: [known.pipeline], now: .now)
        return strictly?.first.flatMap { $0.wait == .forRoom ? nil : $0.wait }
    }

    private func unseen(_ file: String, _ found: FileFinder.Found) throws(LedgerError) -> FileReport {
        let path = found.path ?? file
        guard let place = found.place else {
            if let ledger, let published = try publication(path, ledger) { return published }
            if looksOutOfForce, let (file, pipeline) = FileOutOfForce.naming(path, root) {
                let why = "it is in a spool of \(pipeline.name), whose file \(file.file) is not in force"
                return FileReport(shownPath(path), FileVerdict(.notWatched, why, rule: .spoolOutside, remedy: file.remedy))
            }
            return FileReport(shownPath(path), FileVerdict(outside: path, map, exists: FileManager.default.fileExists(atPath: path)))
        }
        var verdict =
            try companion(path, place)
            ?? FileVerdict(unseen: path, at: place, settle: place.pipeline.settle, daemon: daemon)
        if verdict.word == .waiting, place.role == .data, place.pipeline.order == .strict,
            let labels = try ledger?.undecidedLabels(pipeline: place.pipeline.name)
        {
            // Its number will be greater than theirs.
            let wait = WaitReason.forLabels(arrival: labels.number, path: labels.path)
            verdict.explanation.fullReason += "; then, with order: strict, it waits \(wait)"
        }
        var answer = FileReport(shownPath(path), verdict)
        answer.pipeline = place.pipeline.name
        answer.role = place.role
        answer.path = place.relativePath
        return answer
    }

    /// Returns the verdict on a model whose external data the file is: the file shares the model's fate. Nil for any other file.
    private func companion(_ path: String, _ place: SpoolMap.Place) throws(LedgerError) -> FileVerdict? {
        guard let ledger, place.role == .model else { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        let inside = (place.relativePath as NSString).deletingLastPathComponent
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names.sorted() where name.hasSuffix(".onnx") {
            let model = inside.isEmpty ? name : inside + "/" + name
            guard let known = try ledger.explain(path: model, pipeline: place.pipeline.name, role: .model, now: .now).first,
                let arrival = known.visits.first?.arrival,
                try ledger.companions(of: arrival.number).contains(where: { $0.path == (path as NSString).lastPathComponent })
            else { continue }
            var verdict = FileVerdict(of: known, daemon: daemon)
            verdict.explanation.fullReason = "external data of \(model): \(verdict.explanation.fullReason)"
            return verdict
        }
        return nil
    }

    private func publication(_ path: String, _ ledger: RunLedger) throws(LedgerError) -> FileReport? {
        for landing in map.pipelines.compactMap(\.land.outputs) where CanonicalPaths.contains(landing.path, path) && path != landing.path {
            guard let owner = try ledger.owner(root: landing.path, path: String(path.dropFirst(landing.path.count + 1))) else { continue }
            var answer = FileReport(
                shownPath(path),
                FileVerdict(
                    .done, "it is the output of \(owner.inputPath), \(owner.state.rawValue) by run \(owner.run)",
                    rule: .arrivalDone, remedy: "Nothing; millrace runs \(owner.run) tells more."))
            answer.pipeline = owner.pipeline
            answer.publication = owner
            return answer
        }
        return try formerOutput(path, ledger)
    }

    /// Returns what was published there once, also below a folder that outputs do not go to any more.
    private func formerOutput(_ path: String, _ ledger: RunLedger) throws(LedgerError) -> FileReport? {
        guard let former = try ledger.newestPublication(at: path) else { return nil }
        let isThere = FileManager.default.fileExists(atPath: path)
        let what = "the output of \(former.inputPath), published by run \(former.run)"
        let verdict =
            former.state == .published
            ? FileVerdict(.done, "it is \(what)", rule: .arrivalDone, remedy: "Nothing; millrace runs \(former.run) tells more.")
            : FileVerdict(
                isThere ? .notWatched : .notThere, "it was \(what); another stands in its place now",
                rule: .arrivalDone,
                remedy: isThere
                    ? "millrace explain \(former.inputPath) names the present one; move this one away if nobody needs it." : "Nothing.")
        var answer = FileReport(shownPath(path), verdict)
        answer.pipeline = former.pipeline
        answer.publication = former
        return answer
    }
}
