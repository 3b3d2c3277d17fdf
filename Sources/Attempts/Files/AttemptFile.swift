package import FileSystem
package import SystemPackage

/// Names a file of a model by what it holds.
package enum ModelPart: Codable, Hashable, Sendable {
    case graph
    /// The adapter that makes another model of it, where it has one.
    case adapter
    /// A file of external data, by the components of its path below the model's folder.
    case weights([String])
}

/// Names a file of an attempt by what it is for. Where it stands, only the attempt's spec says.
package enum AttemptFile: Codable, Hashable, Sendable {
    /// The rows to score.
    case data
    /// A file whose rows follow those of `data`, by its place among them: a model is measured on more rows than its newest file has.
    case older(Int)
    /// The rows that an earlier version has scored, on which a model that arrived is tried.
    case rows
    /// A file of the model that scores, that is trained, or that has arrived.
    case model(ModelPart)
    /// A file of the model that the attempt has written.
    case written(ModelPart)
    /// A file of labels as it arrived, by its place among all that the attempt learns from.
    case labels(Int)
    /// The output, which is made, or emptied where it is there.
    case output
    /// Another file without a name in the output's folder, for what does not fit into memory while the output is made.
    case temporary
}

/// Names a folder of an attempt by what it is for.
package enum AttemptFolder: Codable, Hashable, Sendable {
    /// The folder of the model that has arrived, in which its external data is.
    case arrived
    /// The folder for the files of the version that the attempt makes, which is made where it is missing.
    case version
    /// The parts of a large file, which outlive the attempt. It is made where it is missing, unless it is that of another attempt, which
    /// may give it another name meanwhile.
    case parts
    /// The labels that are kept, which outlive the attempt.
    case labels
    /// The checkpoints of a training, which outlive the attempt.
    case checkpoints
    /// The outputs of a model as it was published, with which those of other ways of executing it are compared.
    case reference
    /// The files of the model in the form that the attempt writes. It is made where it is missing.
    case form
    /// The prepared models of all attempts, as `PreparedFolder` names them.
    case prepared
}

/// Opens the files of one attempt: the outer part of a worker. The code that computes has no other way to a file, and gets descriptors, so
/// that it may stand in a process that can open nothing.
///
/// The whole of what it may ask is here and in `GivenFolder`. The answer to `folder` is a value that means something to the outer part
/// alone.
package protocol AttemptFiles: Sendable {
    /// Returns a descriptor that the caller closes. Throws `missing` where the attempt has no such file.
    func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor
    /// Returns a folder of the attempt. Throws `missing` where the attempt has none.
    func folder(_ folder: AttemptFolder) throws(FileSystemError) -> any GivenFolder
    /// Returns a connection, which the caller closes: of an attempt that trains, to one that has come to help it; of one that helps, to the
    /// one that trains. Nil where there is none now.
    func connection() throws(FileSystemError) -> FileDescriptor?
}

extension AttemptFiles {
    package func connection() throws(FileSystemError) -> FileDescriptor? { nil }
}
