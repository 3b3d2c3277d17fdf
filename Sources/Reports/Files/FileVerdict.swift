import Arrivals
import FileSystem
import Foundation
import Landing
package import Ledger
import PipelineConfig
package import Reasons
import Signatures
import SystemPackage
import Watcher

/// Tells what `explain` answers for a file: what it is, by which rule, and what to do.
package struct FileVerdict: Sendable {
    package enum Word: String, Encodable, Sendable {
        case done, rejected, running, waiting, ignored, quarantined
        case notWatched = "not watched"
        case notThere = "not there"
    }

    package var word: Word
    package var explanation: Explanation

    init(_ word: Word, _ reason: String, rule: Rule, remedy: String? = nil) {
        self.word = word
        explanation = Explanation(reason: Reason(reason), rule: rule, remedy: remedy)
    }

    init(_ word: Word, _ explanation: Explanation?) {
        self.word = word
        self.explanation = explanation ?? Explanation(reason: "no reason was recorded", rule: .unrecorded)
    }
}

// MARK: Files that the ledger knows

extension FileVerdict {
    package init(of known: FileExplanation, daemon: DaemonLock.Holder?) {
        let arrival = known.visits[0].arrival
        let run = known.visits[0].runs.first?.run
        switch arrival.state {
        case .done where arrival.explanation != nil: self.init(.done, arrival.explanation)
        case .done:
            self.init(
                .done, arrival.verdict ?? run.map { "scored by version \($0.version ?? 0), in run \($0.number)" } ?? "decided",
                rule: .arrivalDone)
        case .rejected: self.init(.rejected, arrival.explanation)
        case .quarantined: self.init(.quarantined, arrival.explanation)
        case .ignored: self.init(.ignored, arrival.explanation)
        case .running:
            self.init(
                .running, "attempt \(run?.attemptCount ?? 1) of run \(run?.number ?? 0) goes on", rule: .arrivalRunning,
                remedy: daemon == nil
                    ? Self.startTheDaemon + " What was left open is then finished or tried again."
                    : "Nothing; `millrace stop \(run?.number ?? 0)` ends it.")
        case .waiting: self.init(.waiting, (known.wait ?? .forRoom).explanation(in: known.pipeline))
        case .superseded:
            self.init(
                .waiting, "newer content of it is being taken up", rule: .arrivalChanged)
        }
        if word == .waiting, daemon == nil {
            explanation.remedy = Self.startTheDaemon + (explanation.remedy.hasPrefix("Nothing") ? "" : " " + explanation.remedy)
        }
    }

    static let startTheDaemon = "No daemon works on this root: start millrace run."

    /// Returns the verdict on newer content of a file; nil where the file at `path` is still what arrived, or its content is. `spool` is
    /// the folder of its spool, if that is known.
    static func newerContent(at path: String, spool: String?, than known: FileExplanation, companions: [Companion]) -> FileVerdict? {
        // A link out of the spool, a FIFO and the like were recorded for what they are.
        if let spool, case .file = FoundEntry(path: path, root: CanonicalPaths.real(spool)) {} else if spool != nil { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        let parts = companions.map { folder + "/" + $0.path }
        guard let stamp = FileStamp(path: path, companions: parts), let arrival = known.visits.first?.arrival else { return nil }
        if arrival.isDistrusted, known.stamp == .judged(path) { return nil }
        if known.stamp.inode == 0 || arrival.state == .waiting { return nil }
        if stamp == known.stamp { return nil }
        let wentAway = known.stamp.changed < 0
        if !wentAway, stamp.size == known.stamp.size, let digest = arrival.digest {
            let found = try? FileDigest.ofModel(
                at: FilePath(path), companions: zip(companions, parts).map { (name: $0.path, path: FilePath($1)) })
            if found?.digest == digest { return nil }
        }
        return FileVerdict(
            .waiting,
            "\(wentAway ? "it is there again" : "it has changed") since arrival \(arrival.number), which is \(arrival.state.rawValue)",
            rule: .arrivalChanged, remedy: "It is numbered when it has settled; a daemon must be running.")
    }
}

// MARK: Files that it does not know

extension FileVerdict {
    /// Judges a file as the watcher would: by its name, by what is there, and by whether it is whole.
    init(unseen path: String, at place: SpoolMap.Place, settle: Settle, daemon: DaemonLock.Holder?) {
        switch NameFilter.decide(
            relativePath: place.relativePath, include: place.entry.include, ignoresSuffixCase: place.entry.ignoresSuffixCase)
        {
        case .ignored(let rule, let reason):
            self.init(.ignored, reason, rule: rule, remedy: "Nothing, if it is no arrival; else give it a name that `include` takes.")
            return
        case .refused(let explanation):
            self.init(.quarantined, explanation)
            return
        case .candidate: break
        }
        switch FoundEntry(path: path, root: CanonicalPaths.real(place.entry.path)) {
        case .missing:
            self.init(
                .notThere, "there is no such file, and none was seen", rule: .inputGone,
                remedy: "Drop it; a writer that renames into place shows it only when it is whole.")
        case .directory:
            self.init(
                .ignored, "it is a directory; the files in it are arrivals of their own", rule: .spoolDirectory,
                remedy: "Ask of a file in it.")
        case .ignored(let rule, let reason): self.init(.ignored, reason, rule: rule, remedy: "Nothing.")
        case .unreachable(let code):
            self.init(
                .waiting, "it cannot be looked at: \(Errno(rawValue: code))", rule: .directoryUnreadable,
                remedy: "Give the daemon's user search permission on its folder, or mend the disk; it is taken up by itself then.")
        case .refused(let explanation, _): self.init(.quarantined, explanation)
        case .file:
            self.init(settling: path, settle, daemon)
            if word == .waiting, explanation.rule != .settleSeal, let signers = place.pipeline.trust.signers(of: place.role) {
                judgeSignature(of: path, signers, settle, daemon)
            }
        }
    }

    private init(settling path: String, _ settle: Settle, _ daemon: DaemonLock.Holder?) {
        let start = daemon == nil ? Self.startTheDaemon + " " : "Nothing. "
        switch FormatCheck.check(path: path) {
        case .incomplete(let reason):
            self.init(
                .waiting, "it is not whole: \(reason)", rule: .settleSeal,
                remedy: (daemon == nil ? start : "")
                    + "Finish writing it; unchanged for settle.give_up (\(settle.giveUp.shown)), it goes to quarantine as truncated.")
        case .unsafe(let explanation): self.init(.quarantined, explanation)
        case .whole:
            self.init(
                .waiting, "it is whole and has not been numbered", rule: .settleNumber, remedy: start + "The daemon takes it up by itself.")
        case .undecided, nil:
            self.init(
                .waiting, "its format cannot show that it is whole, so it must be quiet first", rule: .settleQuiet,
                remedy: start + "It must stand still for \(settle.quiet.shown), settle.quiet; a rename into place needs no quiet time.")
        }
    }

    /// Says where it waits for its signature, which nothing else about it shows.
    private mutating func judgeSignature(of path: String, _ signers: TrustedSigners, _ settle: Settle, _ daemon: DaemonLock.Holder?) {
        let lack: String
        switch SignatureFile(of: path).look() {
        case .whole: return
        case .missing where !signers.isRequired: return
        case .missing: lack = "is not there"
        case .unusable(_, let why): lack = "does not count: \(why)"
        }
        self = FileVerdict(
            .waiting, "its signature \(DetachedSignature.name(of: (path as NSString).lastPathComponent)) \(lack)", rule: .trustMissing,
            remedy: (daemon == nil ? Self.startTheDaemon + " " : "")
                + "Sign it with millrace sign; without a signature for settle.give_up (\(settle.giveUp.shown)), it goes to quarantine.")
    }

    /// Judges a file that is in no spool.
    init(outside path: String, _ map: SpoolMap, exists: Bool) {
        if let (pipeline, folder) = map.folder(of: path) {
            self.init(
                .notWatched, "\(shownPath(folder)) belongs to pipeline \(pipeline.name), which writes there", rule: .spoolOutside,
                remedy: "Drop files into \(pipeline.spools.map { shownPath($0.entry.path) }.joined(separator: " or ")).")
        } else if map.pipelines.isEmpty {
            self.init(
                .notWatched, "no pipeline is known here", rule: .spoolOutside,
                remedy: "Name the pipeline files with --pipelines, or the right --root.")
        } else {
            self.init(
                exists ? .notWatched : .notThere,
                "\(exists ? "it" : "there is no such file, and it") is in no spool of \(map.pipelines.map(\.name).joined(separator: ", "))",
                rule: .spoolOutside,
                remedy: "Drop it into \(map.pipelines.flatMap(\.spools).map { shownPath($0.entry.path) }.joined(separator: " or ")).")
        }
    }
}

extension Arrival {
    /// Tells whether it was refused for its signature, or for the lack of one.
    fileprivate var isDistrusted: Bool {
        state == .quarantined && digest == nil && [.trustMissing, .trustInvalid].contains(explanation?.rule)
    }
}

extension FileStamp {
    /// Returns the stamp by which the file at `path` would be known if it were refused now for its signature.
    fileprivate static func judged(_ path: String) -> FileStamp? {
        var companions: [String] = []
        if case .whole(let found) = FormatCheck.check(path: path) { companions = found }
        let folder = (path as NSString).deletingLastPathComponent
        return FileStamp(path: path, companions: companions.map { folder + "/" + $0 })?.judged(with: SignatureFile(of: path).stamp)
    }
}
