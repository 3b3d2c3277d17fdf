internal import Reasons

/// Finds the contradictions between pipelines, or between one and its root. It reads the disk only to follow links and to find out which
/// tool owns a spool.
package enum Conflicts {
    /// Returns the problems in the order of `pipelines`; empty if they can run side by side. `settings` say where the state and the work
    /// folder are.
    package static func problems(among pipelines: [Pipeline], settings: RootSettings, root: String) -> [Problem] {
        sameNames(pipelines) + formerNames(pipelines) + overlaps(pipelines, settings: settings, root: root)
            + pipelines.flatMap { ownedSpools($0, root: root) }
    }

    private static func sameNames(_ pipelines: [Pipeline]) -> [Problem] {
        var first: [String: Pipeline] = [:]
        var problems: [Problem] = []
        for pipeline in pipelines {
            guard let other = first[pipeline.name] else {
                first[pipeline.name] = pipeline
                continue
            }
            problems.append(
                pipeline.problem(
                    .duplicateName, "name", "\(other.source):\(other.positions["name"].line) is also named \(pipeline.name)",
                    "give each pipeline a name of its own"))
        }
        return problems
    }

    /// Finds former names that cannot be taken over: only one pipeline may take over the history of another.
    private static func formerNames(_ pipelines: [Pipeline]) -> [Problem] {
        var heirs: [String: Pipeline] = [:]
        var problems: [Problem] = []
        for pipeline in pipelines {
            guard let was = pipeline.was else { continue }
            if let other = pipelines.first(where: { $0.name == was }) {
                problems.append(
                    pipeline.problem(
                        .duplicateName, "was",
                        "\(other.source):\(other.positions["name"].line) is named \(was), and its history is its own",
                        "remove `was`, or that pipeline"))
            } else if let other = heirs[was] {
                problems.append(
                    pipeline.problem(
                        .duplicateName, "was", "\(other.source):\(other.positions["was"].line) was also named \(was)",
                        "keep `was` in one of them"))
            }
            heirs[was] = pipeline
        }
        return problems
    }

    // MARK: Folders

    private struct Site {
        let pipeline: Pipeline?
        let key: String
        let role: String
        let path: String
        let real: String

        func place(in other: Pipeline) -> String {
            guard let pipeline else { return role }
            let line = pipeline.positions[key].line
            return pipeline.source == other.source
                ? "\(role) (\(key), line \(line))" : "\(role) of \(pipeline.name) (\(key), \(pipeline.source):\(line))"
        }
    }

    /// Finds folders of one role that equal another folder or lie in it: what lands would be taken for an arrival, and one sync tool would
    /// carry the folder of another.
    private static func overlaps(_ pipelines: [Pipeline], settings: RootSettings, root: String) -> [Problem] {
        var sites = [
            Site(pipeline: nil, key: "", role: "the state folder", path: settings.state, real: CanonicalPaths.real(settings.state))
        ]
        if settings.work != settings.state {
            sites.append(
                Site(pipeline: nil, key: "", role: "the work folder", path: settings.work, real: CanonicalPaths.real(settings.work)))
        }
        var problems: [Problem] = []
        for pipeline in pipelines {
            for place in pipeline.places {
                let real = CanonicalPaths.real(place.path)
                for site in sites {
                    let relation: String? =
                        if real == site.real {
                            "is also"
                        } else if CanonicalPaths.contains(site.real, real) {
                            "lies in"
                        } else if CanonicalPaths.contains(real, site.real) {
                            "holds"
                        } else {
                            nil
                        }
                    guard let relation else { continue }
                    let shown = shown(place.path, root: root)
                    let inner = relation == "holds" ? " at \(Self.shown(site.path, root: root))" : ""
                    problems.append(
                        pipeline.problem(
                            .overlap, place.key, "\(place.role.rawValue), \(shown), \(relation) \(site.place(in: pipeline))\(inner)",
                            "use folders that are apart"))
                }
                sites.append(Site(pipeline: pipeline, key: place.key, role: place.role.rawValue, path: place.path, real: real))
            }
        }
        return problems
    }

    private static func shown(_ path: String, root: String) -> String {
        let base = CanonicalPaths.absolute(".", root: root)
        return path != base && CanonicalPaths.contains(base, path) ? String(path.dropFirst(base == "/" ? 1 : base.count + 1)) : path
    }

    // MARK: Spools of sync tools

    private static func ownedSpools(_ pipeline: Pipeline, root: String) -> [Problem] {
        let word: String
        switch pipeline.after {
        case .keep: return []
        case .archive: word = "archive"
        case .delete: word = "delete"
        }
        guard !pipeline.allowUpstreamDelete else { return [] }
        return pipeline.places.filter { $0.role == .spool }.compactMap { place in
            guard let tool = SyncOwner.of(place.path) else { return nil }
            return pipeline.problem(
                .overlap, "after",
                "\(tool) owns \(shown(place.path, root: root)), and `\(word)` would delete the files on its other side too",
                "write `after: keep`, or allow_upstream_delete: true")
        }
    }
}

extension Pipeline {
    fileprivate func problem(_ rule: Rule, _ key: String, _ fault: String, _ remedy: String) -> Problem {
        Problem(rule: rule, file: source, position: positions[key], key: key, fault: fault, remedy: remedy)
    }
}
