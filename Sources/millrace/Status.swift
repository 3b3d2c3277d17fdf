import ArgumentParser
import Arrivals
import Ledger
import PipelineConfig
import Reasons

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print what waits and why, what runs, and what is in quarantine.")

    @OptionGroup var root: RootOption
    @OptionGroup var files: PipelinesOption
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    private struct Report: Encodable {
        let daemon: DaemonLock.Holder?
        let pauses: Pauses
        let pipelines: [PipelineStatus]
        let settling: [SettlingFiles]
        let conditions: StatusConditions
        let pendingRequests: Int
        let pipelineProblems: [String]
        let outOfForce: [FileOutOfForce]
        let untold: [UntoldStatus]
    }

    func run() throws {
        let ledger = try root.ledger(values)
        let lint = files.read(root)
        let report = try worded {
            Report(
                daemon: root.daemon, pauses: try ledger.pauses(),
                pipelines: try ledger.status(naming: lint.pipelines.map(\.name), strict: lint.pipelines.strict, now: .now).map {
                    $0.below(root.path)
                },
                settling: try lint.pipelines.map { try SettlingFiles(of: $0, ledger: ledger, daemon: root.daemon) },
                conditions: StatusConditions(try ledger.conditions(), isRunning: root.daemon != nil),
                pendingRequests: try ledger.pendingRequests().count, pipelineProblems: lint.problems.map(\.description),
                outOfForce: files.pipelines.isEmpty ? FileOutOfForce.all(root) : [], untold: try ledger.untold())
        }
        if output.json { return try printJSON(report) }
        print("daemon: \(report.daemon?.description ?? "none works on this root")")
        if report.pauses.all { print("every pipeline is paused") }
        if report.pendingRequests > 0 { print("requests without an answer yet: \(report.pendingRequests)") }
        for problem in report.pipelineProblems { print("problem: \(problem)") }
        for line in report.conditions.lines(of: "") { print(line) }
        for file in report.outOfForce { print("\(file.file): \(file.reason)\n  \(file.remedy)") }
        for untold in report.untold {
            if untold.count > 0 {
                print(
                    "notifications that \(untold.target) has not got yet: \(untold.count), since \(untold.oldest.short)\(untold.error.map { ": " + $0 } ?? "")"
                )
            }
            if untold.givenUp > 0 {
                print("notifications to \(untold.target) that were given up: \(untold.givenUp)\(untold.error.map { ": " + $0 } ?? "")")
            }
        }
        if report.pipelines.isEmpty { print("nothing has arrived") }
        for pipeline in report.pipelines {
            show(pipeline)
            for line in report.conditions.lines(of: pipeline.pipeline) { print("  " + line) }
            if let settling = report.settling.first(where: { $0.pipeline == pipeline.pipeline }) { show(settling) }
        }
    }

    private func show(_ status: PipelineStatus) {
        let version =
            status.activeVersion.map { "version \($0) is active\(status.pinnedVersion == $0 ? ", pinned" : "")" } ?? "no version yet"
        print("\n\(status.pipeline): \(version)\(status.isPaused ? ", paused" : "")")
        for role in ArrivalRole.allCases {
            let counts = ArrivalState.allCases.compactMap { state in
                let count = status.count(state, role: role)
                return count == 0 ? nil : "\(count) \(state.rawValue)"
            }
            if !counts.isEmpty { print("  \(role.rawValue): \(counts.joined(separator: ", "))") }
        }
        if let wait = status.labelsWait {
            print("  labels are kept and not learnt from yet: \(wait.whole)")
            print("    \(wait.remedy)")
        }
        let isDaemon = root.daemon != nil
        let runningCount = status.count(.running)
        if runningCount > 0 { print(isDaemon ? "  running:" : "  left open by a daemon that ended:") }
        for running in status.running {
            let age = shownAge(milliseconds: UTCTime.now.milliseconds - running.since.milliseconds)
            let attempt = running.attempt > 1 ? ", attempt \(running.attempt)" : ""
            print("    \(running.role.rawValue) \(running.path): run \(running.run)\(attempt), for \(age)")
        }
        if runningCount > status.running.count { print("    and \(runningCount - status.running.count) more") }
        let waitingCount = status.count(.waiting)
        if let age = status.oldestWaitingAge { print("  waiting, the oldest for \(shownAge(milliseconds: age)):") }
        for waiting in status.waiting { print("    \(waiting.role.rawValue) \(waiting.path): \(waiting.reason)") }
        if waitingCount > status.waiting.count { print("    and \(waitingCount - status.waiting.count) more") }
        show(status.quarantined, "in quarantine", .quarantined, of: status)
        show(status.rejected, "rejected", .rejected, of: status)
    }

    private func show(_ list: [PipelineStatus.Blocked], _ title: String, _ state: ArrivalState, of status: PipelineStatus) {
        let count = status.count(state)
        guard count > 0 else { return }
        print("  \(title):")
        for blocked in list {
            print("    \(blocked.role.rawValue) \(blocked.path): \(blocked.explanation?.whole.sentence ?? "no reason was recorded")")
            if let remedy = blocked.explanation?.remedy { print("      \(remedy)") }
        }
        guard count > list.count else { return }
        print("    and \(count - list.count) more: millrace runs --state \(state.rawValue) --pipeline \(status.pipeline)\(root.asOption)")
    }

    private func show(_ settling: SettlingFiles) {
        if settling.count > 0 { print("  settling, not numbered yet:") }
        for file in settling.first { print("    \(file.role.rawValue) \(file.path): \(file.reason)") }
        if settling.count > settling.first.count { print("    and \(settling.count - settling.first.count) more") }
    }
}

extension PipelineStatus {
    /// The same with paths below `root` as they are from there.
    fileprivate func below(_ root: String) -> PipelineStatus {
        func below(_ blocked: Blocked) -> Blocked {
            var blocked = blocked
            if let explanation = blocked.explanation {
                blocked.explanation = Explanation(
                    reason: explanation.whole.replacing(root + "/", with: ""), rule: explanation.rule,
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
