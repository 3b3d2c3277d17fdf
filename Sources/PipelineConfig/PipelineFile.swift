internal import Foundation
internal import Reasons

/// Reads one pipeline file. ``PipelineSet`` compares it with the folders of other pipelines.
package enum PipelineFile {
    /// Reads the file at `path`. Relative paths in the file are relative to `root`. `defaults` are the settings of `ROOT/millrace.yaml`;
    /// without them, the defaults hold that hold without that file.
    /// - Parameter makesKeys: whether the root's key of hashes is made where a pipeline needs it and it is missing.
    package static func load(
        path: String, root: String, defaults: RootSettings? = nil, makesKeys: Bool = false
    ) throws(PipelineError) -> Pipeline {
        let bytes: [UInt8]
        do {
            bytes = try contents(of: path)
        } catch {
            throw .problems([
                Problem(
                    rule: error.rule, file: path, position: Position(line: 1, column: 1), key: "", fault: error.fault, remedy: error.remedy
                )
            ])
        }
        return try read(bytes, source: path, root: root, defaults: defaults, makesKeys: makesKeys)
    }

    struct Unreadable: Error {
        /// The rule; `machineFault` where the same file may be readable another time.
        let rule: Rule
        let fault: String
        let remedy: String

        init(_ fault: String, remedy: String) {
            rule = .configUnreadable
            self.fault = fault
            self.remedy = remedy
        }

        /// Describes the problem of a file that the system refuses to read now.
        init(_ what: String, refused code: Int32) {
            rule = .machineFault
            fault = "\(what): \(String(cString: strerror(code)))"
            remedy = "give the daemon's user permission, or mend what that says"
        }
    }

    /// Returns the content of a regular file. It opens nothing else, so that a FIFO does not hold the reader, and stops reading soon after
    /// the size that a pipeline may have.
    static func contents(of path: String) throws(Unreadable) -> [UInt8] {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            throw code == ENOENT || code == ENOTDIR
                ? Unreadable("there is no such file", remedy: "check the path") : Unreadable("the file cannot be reached", refused: code)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw Unreadable("this is a directory", remedy: "name the pipeline files in it, like \(path)/*.yaml")
        default: throw Unreadable("this is no regular file", remedy: "name a file")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Unreadable("the file cannot be read", refused: errno) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do { return Array(try handle.read(upToCount: SourceText.byteLimit + 1) ?? Data()) } catch {
            throw Unreadable("the file cannot be read", refused: EIO)
        }
    }

    /// Reads a pipeline from bytes. `source` is the name of the file in problems.
    package static func read(
        _ bytes: [UInt8], source: String, root: String, defaults: RootSettings? = nil, makesKeys: Bool = false
    ) throws(PipelineError) -> Pipeline {
        let problems = ProblemList(file: source)
        let pipeline = YAMLDocument.read(bytes, problems: problems).flatMap { node in
            PipelineReader.read(
                node, source: source, in: ReadingContext(problems: problems, root: root, defaults: defaults, makesKeys: makesKeys))
        }
        guard let pipeline, problems.all.isEmpty else { throw .problems(problems.sorted) }
        return pipeline
    }
}
