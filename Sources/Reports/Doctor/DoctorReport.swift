import Confinement
import Foundation
import Machine
package import PipelineConfig

/// Tells what the kernel offers to confine workers, what is in force, and what others may write of all that the daemon relies on.
package struct DoctorReport: Report {
    /// What the kernel offers.
    package struct Kernel: Encodable, Sendable {
        /// The version of Landlock's interface; 0 where there is none.
        let landlock: Int
        let seccomp: Bool
        /// The version of the control groups; 0 where there are none.
        let controlGroups: Int
        /// Tells whether the daemon may make a control group for each worker.
        let delegatesControlGroups: Bool
        let userNamespaces: Bool

        /// - Parameter delegates: whether a control group is delegated to this process.
        package init(delegates: Bool) {
            landlock = KernelOffer.here.landlock
            seccomp = KernelOffer.here.hasFilters
            controlGroups = Self.isThere("/sys/fs/cgroup/cgroup.controllers") ? 2 : Self.isThere("/sys/fs/cgroup/memory") ? 1 : 0
            delegatesControlGroups = delegates
            userNamespaces =
                Self.isThere("/proc/self/ns/user") && Pseudofile.number("/proc/sys/user/max_user_namespaces") ?? 0 > 0
                && Pseudofile.number("/proc/sys/kernel/unprivileged_userns_clone") ?? 1 > 0
        }

        private static func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
    }

    let kernel: Kernel
    /// What `millrace.yaml` says.
    let confinement: String
    /// What the kernel lacks of it.
    let missing: [String]
    /// The worker processes that run for the root now, and how many of them are confined; nil where no daemon runs.
    let workers: Workers?
    let findings: [OtherWriters.Finding]

    /// Counts the worker processes of a daemon.
    package struct Workers: Encodable, Sendable {
        let running: Int
        let confined: Int
    }

    /// - Parameters:
    ///   - root: the root whose settings and pipelines count.
    ///   - daemon: the process of the daemon that works on the root; nil where none does.
    package init(
        _ root: RootFolder, _ lint: LintReport, _ kernel: Kernel, daemon: Int32?
    ) {
        let settings = lint.settings ?? RootSettings(root: root.path)
        self.kernel = kernel
        confinement = settings.confinement.rawValue
        missing = settings.confinement == .off ? [] : KernelOffer.here.missing
        workers = daemon.map { Self.workers(of: $0) }
        var places: [(String, OtherWriters.Use)] = [
            (settings.state, .own("the state")), (settings.work, .own("the work folder")),
            (settings.state + "/ledger.sqlite", .own("the ledger")),
        ]
        places += RootFile.paths(root: root.path).map { ($0, .settings("the settings")) }
        if let key = settings.sign { places.append((key.path, .settings("the key by which what lands is signed"))) }
        for file in lint.files { places.append((CanonicalPaths.absolute(file.path, root: "."), .settings("a pipeline"))) }
        for pipeline in lint.pipelines { places += Self.places(of: pipeline) }
        let writers = OtherWriters()
        var seen: Set<String> = []
        // A folder above several others is told once.
        findings = places.flatMap { writers.findings(at: $0.0, $0.1) }.filter { seen.insert("\($0.path)\n\($0.mustBeMended)").inserted }
            .sorted { ($0.mustBeMended ? 0 : 1, $0.path) < ($1.mustBeMended ? 0 : 1, $1.path) }
    }

    private static func places(of pipeline: Pipeline) -> [(String, OtherWriters.Use)] {
        let name = pipeline.name
        var places: [(String, OtherWriters.Use)] = []
        if let path = pipeline.spool.models?.path { places.append((path, .spool("the spool for models of \(name)"))) }
        if let path = pipeline.spool.labelled?.path { places.append((path, .spool("the spool for labels of \(name)"))) }
        if let path = pipeline.spool.data?.path { places.append((path, .spool("the spool for data of \(name)"))) }
        if let path = pipeline.land.models?.path { places.append((path, .published("the models of \(name)"))) }
        if let path = pipeline.land.outputs?.path { places.append((path, .published("the outputs of \(name)"))) }
        if case .archive(let path) = pipeline.after { places.append((path, .published("the archive of \(name)"))) }
        for file in Set([pipeline.trust.models, pipeline.trust.labelled].flatMap { $0?.files ?? [] }) {
            places.append((file, .settings("a key whose signatures count in \(name)")))
        }
        places.append((pipeline.onError.quarantine, .published("the quarantine of \(name)")))
        return places
    }

    /// Counts the worker processes that a daemon has started.
    private static func workers(of daemon: Int32) -> Workers {
        let processes = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        let statuses = processes.compactMap { Pseudofile.text("/proc/\($0)/status") }.filter { status in
            Self.fact("PPid", status) == "\(daemon)" && Self.fact("Name", status)?.hasPrefix("millrace-worke") == true
        }
        return Workers(running: statuses.count, confined: statuses.count { Self.fact("Seccomp", $0) == "2" })
    }

    private static func fact(_ name: String, _ status: String) -> Substring? {
        status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.split(separator: "\t").last
    }
}

extension DoctorReport {
    /// Tells whether something is as it must not be.
    package var mustBeMended: Bool { findings.contains(where: \.mustBeMended) || confinement == "required" && !missing.isEmpty }

    package var lines: [Printed] {
        var lines: [Printed] = [
            "kernel: \(kernel.words)",
            confinement == "off"
                ? "workers are not confined: millrace.yaml says so (`confinement: off`)"
                : missing.isEmpty
                    ? "workers are confined (`confinement: \(confinement)`)"
                    : "workers are not wholly confined (`confinement: \(confinement)`); this kernel lacks:",
        ]
        lines += missing.map { "  \($0)" }
        if let workers {
            lines.append("worker processes of the running daemon: \(workers.running), confined: \(workers.confined)")
        }
        for finding in findings {
            lines.append("\(finding.mustBeMended ? "MEND" : "note") \(finding.path) (\(finding.use)): \(finding.what)")
            lines.append("     \(finding.mustBeMended ? "do" : "if that is not meant"): \(finding.remedy)")
        }
        let count = findings.count(where: \.mustBeMended)
        lines.append(count == 0 ? "others can change nothing that they should not" : "to be mended: \(count)")
        return lines
    }
}

extension DoctorReport.Kernel {
    var words: String {
        let groups =
            switch (controlGroups, delegatesControlGroups) {
            case (0, _): "no control groups"
            case (let version, true): "control groups of version \(version), delegated"
            case (let version, false): "control groups of version \(version), none of which is delegated to this process"
            }
        return [
            landlock > 0 ? "Landlock of version \(landlock)" : "no Landlock", seccomp ? "seccomp" : "no seccomp", groups,
            userNamespaces ? "user namespaces" : "no user namespaces",
        ].joined(separator: ", ")
    }
}
