internal import Foundation
internal import Reasons

/// Holds the pipelines that one daemon runs: each is readable, and none contradicts another.
package struct PipelineSet: Sendable, Equatable {
    package let pipelines: [Pipeline]
    /// The settings of `ROOT/millrace.yaml`.
    package let settings: RootSettings

    /// Reads the pipelines that `patterns` name: files, folders (their `*.yaml` and `*.yml`), or shell patterns. Throws every problem of
    /// every file, then those between the files.
    /// - Parameter makesKeys: whether the root's key of hashes is made where a pipeline needs it and it is missing.
    package static func load(_ patterns: [String], root: String, makesKeys: Bool = false) throws(PipelineError) -> PipelineSet {
        let report = LintReport.lint(patterns, root: root, makesKeys: makesKeys)
        guard report.isClean else { throw .problems(report.problems) }
        return PipelineSet(pipelines: report.pipelines, settings: report.settings ?? RootSettings(root: root))
    }

    /// Returns the files that `patterns` name, each once, in the order given; the files of a folder or pattern are in name order.
    package static func files(_ patterns: [String]) -> (files: [String], problems: [Problem]) {
        var files: [String] = []
        var seen: Set<String> = []
        var problems: [Problem] = []
        for pattern in patterns {
            let found: [String]
            do throws(PipelineFile.Unreadable) { found = try expand(pattern) } catch {
                found = []
                problems.append(
                    Problem(
                        rule: error.rule, file: pattern, position: Position(line: 1, column: 1), key: "", fault: error.fault,
                        remedy: error.remedy))
            }
            for file in found where seen.insert(CanonicalPaths.real(CanonicalPaths.absolute(file, root: "."))).inserted {
                files.append(file)
            }
        }
        return (files, problems)
    }

    /// Returns the folders in which a file may appear that `patterns` name.
    package static func folders(of patterns: [String]) -> [String] {
        patterns.map { pattern in
            if isDirectory(pattern) { return pattern }
            let fixed = pattern.firstIndex { "*?[".contains($0) }.map { pattern[..<$0] } ?? pattern[...]
            return fixed.lastIndex(of: "/").map { $0 == fixed.startIndex ? "/" : String(fixed[..<$0]) } ?? "."
        }
    }

    /// Returns the files that one pattern names, at least one; throws where there is none.
    private static func expand(_ pattern: String) throws(PipelineFile.Unreadable) -> [String] {
        if isDirectory(pattern) {
            let files = try names(in: pattern).filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }.sorted()
                .map { pattern.hasSuffix("/") ? pattern + $0 : pattern + "/" + $0 }
            if files.isEmpty { throw .init("there is no *.yaml or *.yml in this folder", remedy: "put pipelines into it, or name another") }
            return files
        }
        // An existing name means that file, whatever characters it has; for a missing name without wildcards, the reader reports the error.
        if FileManager.default.fileExists(atPath: pattern) || !pattern.contains(where: { "*?[".contains($0) }) { return [pattern] }
        var matches = glob_t()
        defer { globfree(&matches) }
        // Folders that the daemon's user may not enter are left out.
        let code = glob(pattern, 0, { _, code in code == EACCES ? 0 : code }, &matches)
        if code == GLOB_ABORTED { throw .init("the folders cannot be listed", refused: errno) }
        guard code == 0, let paths = matches.gl_pathv else { throw .init("no file matches", remedy: "check the path") }
        return (0..<Int(matches.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
    }

    private static func names(in folder: String) throws(PipelineFile.Unreadable) -> [String] {
        guard let listing = opendir(folder) else { throw .init("the folder cannot be listed", refused: errno) }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }
}
