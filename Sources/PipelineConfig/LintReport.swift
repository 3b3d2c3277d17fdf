internal import Reasons

/// Holds the findings of `millrace lint`, for people as `description` and for scripts as JSON.
package struct LintReport: Sendable, Codable, Equatable, CustomStringConvertible {
    package struct File: Sendable, Codable, Equatable {
        package let path: String
        /// The name of the pipeline; nil where the file could not be read as a pipeline.
        package let name: String?
        package let revision: Revision?
        package let problems: [Problem]
    }

    package let isClean: Bool
    /// The file `ROOT/millrace.yaml`, where there is one.
    package let settingsFile: File?
    package let files: [File]
    /// The problems that belong to no single file, such as patterns that match nothing.
    package let otherProblems: [Problem]

    /// The pipelines that could be read, which JSON leaves out.
    package private(set) var pipelines: [Pipeline] = []
    /// The settings of `ROOT/millrace.yaml`, which JSON leaves out.
    package private(set) var settings: RootSettings?

    private enum CodingKeys: String, CodingKey { case isClean, settingsFile, files, otherProblems }

    package var problems: [Problem] { otherProblems + (settingsFile?.problems ?? []) + files.flatMap(\.problems) }

    /// - Parameter makesKeys: whether the root's key of hashes is made where a pipeline needs it and it is missing.
    package static func lint(_ patterns: [String], root: String, makesKeys: Bool = false) -> LintReport {
        let settings = RootFile.load(root: root)
        let (found, otherProblems) = PipelineSet.files(patterns)
        let paths = found.filter { !settings.isItself($0) }
        var read: [(path: String, pipeline: Pipeline?, problems: [Problem])] = []
        for path in paths {
            do {
                read.append((path, try PipelineFile.load(path: path, root: root, defaults: settings.settings, makesKeys: makesKeys), []))
            } catch {
                read.append((path, nil, error.problems))
            }
        }
        let conflicts = Dictionary(
            grouping: Conflicts.problems(among: read.compactMap(\.pipeline), settings: settings.settings, root: root), by: \.file)
        let files = read.map { entry in
            File(
                path: entry.path, name: entry.pipeline?.name, revision: entry.pipeline?.revision,
                problems: entry.problems + (conflicts[entry.path] ?? []))
        }
        var report = LintReport(
            isClean: otherProblems.isEmpty && settings.problems.isEmpty && files.allSatisfy(\.problems.isEmpty),
            settingsFile: settings.exists ? File(path: settings.path, name: nil, revision: nil, problems: settings.problems) : nil,
            files: files,
            otherProblems: otherProblems)
        report.pipelines = read.compactMap(\.pipeline)
        report.settings = settings.settings
        return report
    }

    /// Returns this report with faults between the pipelines and a model, which this module does not read. `key` may omit the number of the
    /// stage, as in `forward.outputs.y`.
    package func adding(_ found: [(pipeline: Pipeline, key: String, fault: String, remedy: String)]) -> LintReport {
        let problems = found.map { entry in
            let index = entry.pipeline.stages.firstIndex { if case .forward = $0 { true } else { false } }
            let key = entry.key.hasPrefix("forward.") ? index.map { "stages[\($0)].\(entry.key)" } ?? entry.key : entry.key
            return Problem(
                rule: .modelSignature, file: entry.pipeline.source, position: entry.pipeline.positions[key], key: key, fault: entry.fault,
                remedy: entry.remedy)
        }
        let byFile = Dictionary(grouping: problems, by: \.file)
        var report = LintReport(
            isClean: isClean && problems.isEmpty, settingsFile: settingsFile,
            files: files.map { File(path: $0.path, name: $0.name, revision: $0.revision, problems: $0.problems + (byFile[$0.path] ?? [])) },
            otherProblems: otherProblems)
        report.pipelines = pipelines
        report.settings = settings
        return report
    }

    private init(isClean: Bool, settingsFile: File?, files: [File], otherProblems: [Problem]) {
        self.isClean = isClean
        self.settingsFile = settingsFile
        self.files = files
        self.otherProblems = otherProblems
    }

    package var description: String {
        var lines = problems.map(\.description)
        if let settingsFile, settingsFile.problems.isEmpty { lines.append("\(settingsFile.path): settings of the daemon") }
        for file in files where file.problems.isEmpty {
            lines.append("\(file.path): pipeline \(file.name ?? ""), revision \(file.revision?.short ?? "")")
        }
        return lines.joined(separator: "\n")
    }
}
