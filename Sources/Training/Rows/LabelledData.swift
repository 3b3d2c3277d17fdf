package import Columnar
package import FileSystem
package import Names
package import Recipes
package import SystemPackage

/// Describes labelled rows: the files that have them, in order, and how they become the model's inputs and the targets.
package struct LabelledData: Sendable {
    package struct File: Sendable, Hashable {
        package let path: String
        /// The format; nil takes it from the name.
        package let format: TableFormat?
        /// The path that the file arrived under, whose folders may name columns; nil where it is read there.
        package let originalPath: String?

        package init(_ path: String, format: TableFormat? = nil, originalPath: String? = nil) {
            self.path = path
            self.format = format
            self.originalPath = originalPath
        }
    }

    /// Opens a file, for code that may open none by its name; the caller closes it.
    package typealias Opening = @Sendable (File) -> Result<FileDescriptor, FileSystemError>

    package var files: [File]
    /// Opens the files; nil reads them where their paths lead.
    package var open: Opening?
    /// The description of the rows. Without a label the model computes its own loss; without classes, class labels are indices from 0;
    /// without a key, a row is known by its features.
    package var schema: RowSchema
    /// The rule of each model input; an input that is not in it takes its columns by the rules of `TableBinder`.
    package var inputs: NameMap<InputRule>

    package init(files: [File], open: Opening? = nil, schema: RowSchema, inputs: NameMap<InputRule> = [:]) {
        self.files = files
        self.open = open
        self.schema = schema
        self.inputs = inputs
    }

    /// Calls `body` with the file's descriptor, which is valid meanwhile; nil where the file is read at its path.
    func reading<Result>(
        _ file: File, _ body: (Int32?) throws(TrainingError) -> Result
    ) throws(TrainingError) -> Result {
        guard let open else { return try body(nil) }
        let opened = try onDisk { () throws(FileSystemError) in try open(file).get() }
        defer { Disk.close(opened) }
        return try body(opened.rawValue)
    }
}
