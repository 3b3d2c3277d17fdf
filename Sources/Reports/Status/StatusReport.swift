import Arrivals
package import Ledger
package import PipelineConfig
import Reasons

/// Tells what waits and why, what runs, and what is in quarantine.
package struct StatusReport: Report {
    package let daemon: DaemonLock.Holder?
    package let pauses: Pauses
    package let pipelines: [PipelineStatus]
    package let settling: [SettlingFiles]
    package let conditions: StatusConditions
    package let pendingRequests: Int
    package let pipelineProblems: [String]
    package let outOfForce: [FileOutOfForce]
    /// The notifications that their targets have not got.
    package let untold: [UntoldStatus]
    /// ` --root DIR`, for commands that are shown; empty where the root is the default.
    private let rootOption: String

    private enum CodingKeys: String, CodingKey {
        case daemon, pauses, pipelines, settling, conditions, pendingRequests, pipelineProblems, outOfForce, untold
    }

    /// - Parameters:
    ///   - pipelines: the pipeline files, as far as they could be read.
    ///   - outOfForce: the files that are not in force as they stand.
    ///   - rootOption: ` --root DIR` for commands that are shown.
    package init(
        of root: RootFolder, pipelines: LintReport, outOfForce: [FileOutOfForce], rootOption: String = "", _ ledger: RunLedger
    ) throws(LedgerError) {
        let daemon = root.daemon
        self.daemon = daemon
        pauses = try ledger.pauses()
        self.pipelines = try ledger.status(
            naming: pipelines.pipelines.map(\.name), strict: pipelines.pipelines.strict, now: .now
        ).map { $0.below(root.path) }
        settling = try pipelines.pipelines.map { (pipeline) throws(LedgerError) in
            try SettlingFiles(of: pipeline, ledger: ledger, daemon: daemon)
        }
        conditions = StatusConditions(try ledger.conditions(), isRunning: daemon != nil)
        pendingRequests = try ledger.pendingRequests().count
        pipelineProblems = pipelines.problems.map(\.description)
        self.outOfForce = outOfForce
        untold = try ledger.untold()
        self.rootOption = rootOption
    }
}

// MARK: In words

extension StatusReport {
    package var lines: [Printed] {
        var lines: [Printed] = ["daemon: \(daemon?.description ?? "none works on this root")"]
        if pauses.all { lines.append("every pipeline is paused") }
        if pendingRequests > 0 { lines.append("requests without an answer yet: \(pendingRequests)") }
        lines += pipelineProblems.map { "problem: \($0)" }
        lines += conditions.lines(of: "")
        lines += outOfForce.flatMap { ["\($0.file): \($0.reason)", "  \($0.remedy)"] as [Printed] }
        lines += untold.flatMap(lines(of:))
        if pipelines.isEmpty { lines.append("nothing has arrived") }
        for pipeline in pipelines {
            lines += self.lines(of: pipeline)
            lines += conditions.lines(of: pipeline.pipeline).map { "  \($0)" }
            if let settling = settling.first(where: { $0.pipeline == pipeline.pipeline }) { lines += self.lines(of: settling) }
        }
        return lines
    }

    private func lines(of untold: UntoldStatus) -> [Printed] {
        let why = untold.error.map { ": " + $0 } ?? ""
        var lines: [Printed] = []
        if untold.count > 0 {
            lines.append(
                "notifications that \(untold.target) has not got yet: \(untold.count), since \(untold.oldest.short)\(why)")
        }
        if untold.givenUp > 0 { lines.append("notifications to \(untold.target) that were given up: \(untold.givenUp)\(why)") }
        return lines
    }

    private func lines(of status: PipelineStatus) -> [Printed] {
        let version =
            status.activeVersion.map { "version \($0) is active\(status.pinnedVersion == $0 ? ", pinned" : "")" } ?? "no version yet"
        var lines: [Printed] = ["", "\(status.pipeline): \(version)\(status.isPaused ? ", paused" : "")"]
        for role in ArrivalRole.allCases {
            let counts = ArrivalState.allCases.compactMap { state in
                let count = status.count(state, role: role)
                return count == 0 ? nil : "\(count) \(state.rawValue)"
            }
            if !counts.isEmpty { lines.append("  \(role.rawValue): \(counts.joined(separator: ", "))") }
        }
        if let wait = status.labelsWait {
            lines.append("  labels are kept and not learnt from yet: \(wait.fullReason.sentence)")
            lines.append("    \(wait.remedy)")
        }
        let runningCount = status.count(.running)
        if runningCount > 0 { lines.append(daemon != nil ? "  running:" : "  left open by a daemon that ended:") }
        for running in status.running {
            let age = shownAge(milliseconds: UTCTime.now.milliseconds - running.since.milliseconds)
            let attempt = running.attempt > 1 ? ", attempt \(running.attempt)" : ""
            lines.append("    \(running.role.rawValue) \(running.path): run \(running.run)\(attempt), for \(age)")
        }
        lines += more(runningCount, than: status.running.count)
        if let age = status.oldestWaitingAge { lines.append("  waiting, the oldest for \(shownAge(milliseconds: age)):") }
        for waiting in status.waiting { lines.append("    \(waiting.role.rawValue) \(waiting.path): \(waiting.reason)") }
        lines += more(status.count(.waiting), than: status.waiting.count)
        lines += self.lines(of: status.quarantined, "in quarantine", .quarantined, in: status)
        lines += self.lines(of: status.rejected, "rejected", .rejected, in: status)
        return lines
    }

    private func lines(
        of list: [PipelineStatus.Blocked], _ title: String, _ state: ArrivalState, in status: PipelineStatus
    ) -> [Printed] {
        let count = status.count(state)
        guard count > 0 else { return [] }
        var lines: [Printed] = ["  \(title):"]
        for blocked in list {
            let why = blocked.explanation?.fullReason.sentence ?? "no reason was recorded"
            lines.append("    \(blocked.role.rawValue) \(blocked.path): \(why)")
            if let remedy = blocked.explanation?.remedy { lines.append("      \(remedy)") }
        }
        let command = "millrace runs --state \(state.rawValue) --pipeline \(status.pipeline)\(rootOption)"
        return lines + more(count, than: list.count).map { "\($0): \(command)" }
    }

    private func lines(of settling: SettlingFiles) -> [Printed] {
        guard settling.count > 0 else { return [] }
        return ["  settling, not numbered yet:"] + settling.first.map { "    \($0.role.rawValue) \($0.path): \($0.reason)" }
            + more(settling.count, than: settling.first.count)
    }

    private func more(_ count: Int, than shown: Int) -> [Printed] { count > shown ? ["    and \(count - shown) more"] : [] }
}

extension PipelineStatus {
    /// Returns the same with paths below `root` as they are from there.
    fileprivate func below(_ root: String) -> PipelineStatus {
        func below(_ blocked: Blocked) -> Blocked {
            var blocked = blocked
            if let explanation = blocked.explanation {
                blocked.explanation = Explanation(
                    reason: explanation.fullReason.replacing(root + "/", with: ""), rule: explanation.rule,
                    remedy: explanation.remedy.replacing(root + "/", with: ""))
            }
            return blocked
        }
        var status = self
        status.quarantined = quarantined.map(below)
        status.rejected = rejected.map(below)
        return status
    }
}
