internal import Foundation

/// Reads one pipeline file. What it says of other pipelines' folders is checked by ``PipelineSet``.
package enum PipelineFile {
    /// `root`: what relative paths in the file are relative to.
    package static func load(path: String, root: String) throws(PipelineError) -> Pipeline {
        let bytes: [UInt8]
        do {
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            var isDirectory: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
            let (fault, remedy) =
                if isDirectory.boolValue {
                    ("this is a directory", "name the pipeline files in it, like \(path)/*.yaml")
                } else if exists {
                    ("the file cannot be read", "check its permissions")
                } else {
                    ("there is no such file", "check the path")
                }
            throw .problems([
                Problem(rule: .unreadable, file: path, position: Position(line: 1, column: 1), key: "", fault: fault, remedy: remedy)
            ])
        }
        return try read(bytes, source: path, root: root)
    }

    /// `source`: how problems name the file.
    package static func read(_ bytes: [UInt8], source: String, root: String) throws(PipelineError) -> Pipeline {
        let problems = ProblemList(file: source)
        let pipeline = Document.read(bytes, problems: problems).flatMap { node in
            PipelineReader.read(node, source: source, in: Reading(problems: problems, root: root))
        }
        guard let pipeline, problems.all.isEmpty else { throw .problems(problems.sorted) }
        return pipeline
    }
}
