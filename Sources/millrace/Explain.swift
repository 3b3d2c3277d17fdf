import ArgumentParser
import Arrivals
import Foundation
import Ledger
import PipelineConfig
import Reasons

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what became of a file, by which rule, and what to do.",
        discussion: """
            Answers done, rejected, running, waiting, ignored, quarantined, not watched or not there. FILE is a path, from the current directory or \
            from the root, or one relative to its spool.
            """)

    @Argument(help: "A file in a spool, or an output.", completion: .file()) var file: String
    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    private struct Answer: Encodable {
        var file: String
        var verdict: FileVerdict.Word
        var reason: String
        var cells: CellValues?
        var rule: Rule
        var remedy: String
        var pipeline: String?
        var role: ArrivalRole?
        var path: String?
        /// For an output: the publication that it is.
        var publication: Publication?
        var wait: WaitReason?
        var visits: [FileExplanation.Visit] = []

        init(_ file: String, _ verdict: FileVerdict) {
            self.file = file
            self.verdict = verdict.word
            reason = verdict.explanation.reason
            cells = verdict.explanation.cells
            rule = verdict.explanation.rule
            remedy = verdict.explanation.remedy
        }
    }

    func run() throws {
        let ledger = try openedLedger()
        let map = SpoolMap(pipelines: files.read(root).pipelines)
        let answers = try worded {
            let found = try FileFinder(map: map, ledger: ledger, root: root.path).find(file)
            if found.known.isEmpty { return [try unseen(found, map, ledger)] }
            return try found.known.map { try seen($0, found, map, ledger) }
        }
        if output.json { return try answers.count == 1 ? printJSON(answers[0]) : printJSON(answers) }
        for answer in answers { show(answer) }
        if ledger == nil {
            print("  note        there is no ledger in \(shownPath(try root.stateDirectory)): no daemon has worked on this root")
        }
    }

    /// The rules answer without one too.
    private func openedLedger() throws -> RunLedger? {
        let stateDirectory = try root.stateDirectory
        do throws(LedgerError) {
            return try RunLedger(stateDirectory: stateDirectory, readOnly: true, hidesValues: values.hideValues)
        } catch .missing {
            return nil
        } catch {
            throw fail(error)
        }
    }

    private func seen(_ known: FileExplanation, _ found: FileFinder.Found, _ map: SpoolMap, _ ledger: RunLedger?) throws -> Answer {
        var verdict = FileVerdict(of: known, daemon: root.daemon)
        if let path = found.path, let arrival = known.visits.first?.arrival {
            let companions = try ledger?.companions(of: arrival.number) ?? []
            verdict = FileVerdict.newerContent(at: path, spool: found.place?.entry.path, than: known, companions: companions) ?? verdict
        }
        if verdict.word == .done, let remedy = try knownModel(known, ledger) { verdict.explanation.remedy = remedy }
        if let wait = try possibleWait(known, map, ledger) {
            verdict.explanation.remedy =
                "Name the pipeline files with --pipelines: if \(known.pipeline) has order: strict, it waits \(wait)."
        }
        var answer = Answer(found.path.map(shownPath) ?? file, verdict)
        answer.pipeline = known.pipeline
        answer.role = known.role
        answer.path = known.path
        answer.wait = known.wait
        answer.visits = known.visits
        return answer
    }

    /// What to do to put the version of a model in force that is not; nil where that is in force, or where it is no model.
    private func knownModel(_ known: FileExplanation, _ ledger: RunLedger?) throws -> String? {
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

    /// What data waits for if its order is strict, where no pipeline file says whether it is.
    private func possibleWait(_ known: FileExplanation, _ map: SpoolMap, _ ledger: RunLedger?) throws -> WaitReason? {
        guard known.wait == .forRoom, known.role == .data, !map.pipelines.contains(where: { $0.name == known.pipeline }) else { return nil }
        let strictly = try ledger?.explain(
            path: known.path, pipeline: known.pipeline, role: known.role, strict: [known.pipeline], now: .now)
        return strictly?.first.flatMap { $0.wait == .forRoom ? nil : $0.wait }
    }

    private func unseen(_ found: FileFinder.Found, _ map: SpoolMap, _ ledger: RunLedger?) throws -> Answer {
        let path = found.path ?? file
        guard let place = found.place else {
            if let ledger, let published = try publication(path, map, ledger) { return published }
            if files.pipelines.isEmpty, let (file, pipeline) = FileOutOfForce.naming(path, root) {
                let why = "it is in a spool of \(pipeline.name), whose file \(file.file) is not in force"
                return Answer(shownPath(path), FileVerdict(.notWatched, why, rule: .spoolOutside, remedy: file.remedy))
            }
            return Answer(shownPath(path), FileVerdict(outside: path, map, exists: FileManager.default.fileExists(atPath: path)))
        }
        var verdict = try companion(path, place, ledger)
            ?? FileVerdict(unseen: path, at: place, settle: place.pipeline.settle, daemon: root.daemon)
        if verdict.word == .waiting, place.role == .data, place.pipeline.order == .strict,
            let labels = try ledger?.undecidedLabels(pipeline: place.pipeline.name)
        {
            // Its number will be greater than theirs.
            let wait = WaitReason.forLabels(arrival: labels.number, path: labels.path)
            verdict.explanation.whole += "; then, with order: strict, it waits \(wait)"
        }
        var answer = Answer(shownPath(path), verdict)
        answer.pipeline = place.pipeline.name
        answer.role = place.role
        answer.path = place.relativePath
        return answer
    }

    /// External data of a model shares that model's fate.
    private func companion(_ path: String, _ place: SpoolMap.Place, _ ledger: RunLedger?) throws -> FileVerdict? {
        guard let ledger, place.role == .model else { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        let inside = (place.relativePath as NSString).deletingLastPathComponent
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where name.hasSuffix(".onnx") {
            let model = inside.isEmpty ? name : inside + "/" + name
            guard let known = try ledger.explain(path: model, pipeline: place.pipeline.name, role: .model, now: .now).first,
                let arrival = known.visits.first?.arrival,
                try ledger.companions(of: arrival.number).contains(where: { $0.path == (path as NSString).lastPathComponent })
            else { continue }
            var verdict = FileVerdict(of: known, daemon: root.daemon)
            verdict.explanation.whole = "external data of \(model): \(verdict.explanation.whole)"
            return verdict
        }
        return nil
    }

    private func publication(_ path: String, _ map: SpoolMap, _ ledger: RunLedger) throws -> Answer? {
        for landing in map.pipelines.compactMap(\.land.outputs) where CanonicalPaths.contains(landing.path, path) && path != landing.path {
            guard let owner = try ledger.owner(root: landing.path, path: String(path.dropFirst(landing.path.count + 1))) else { continue }
            var answer = Answer(
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

    /// What was published there once, also below a folder that outputs do not go to any more.
    private func formerOutput(_ path: String, _ ledger: RunLedger) throws -> Answer? {
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
        var answer = Answer(shownPath(path), verdict)
        answer.pipeline = former.pipeline
        answer.publication = former
        return answer
    }

    private func show(_ answer: Answer) {
        print("\(answer.file): \(answer.verdict.rawValue)")
        let why = Reason(answer.reason, cells: answer.cells)
        print("  why         \(why)")
        print("  by rule     \(answer.rule): \(answer.rule.sentence)")
        print("  what to do  \(answer.remedy)")
        if let pipeline = answer.pipeline {
            print("  pipeline    \(pipeline)\(answer.role.map { ", \($0.rawValue) \(answer.path ?? "")" } ?? "")")
        }
        for visit in answer.visits {
            let arrival = visit.arrival
            let digest = arrival.digest.map { ", sha256 \($0.shortDigest)" } ?? ""
            print("  arrival     \(arrival.number), \(arrival.arrivedAt), \(arrival.byteCount) bytes\(digest): \(arrival.state.rawValue)")
            if let complete = arrival.settledBy.map(shownEvidence) { print("    found complete \(complete)") }
            for history in visit.runs {
                print("    run \(history.run.run): \(history.run.state.rawValue)")
                let said = Explanation(reason: why, rule: answer.rule, remedy: answer.remedy)
                let lines = RunText.lines(history.run, history.attempts, history.publications, said: said)
                for line in lines.dropFirst() { print("      \(line)") }
            }
        }
    }
}

/// How the watcher knew that a file was complete, in words.
private func shownEvidence(_ evidence: String) -> String {
    switch evidence {
    case "renamed": "at once: it was renamed into place (renamed)"
    case "closed": "at once: its writer closed it and its format shows its end (closed)"
    case "lease": "soon after it was closed: nobody had it open for writing (lease)"
    case "quiet": "after it had not changed for settle.quiet (quiet)"
    default: "(\(evidence))"
    }
}
