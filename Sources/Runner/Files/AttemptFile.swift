package import FileSystem
package import SystemPackage

/// Names a file of an attempt by what it is for. Where it stands, only the attempt's spec says.
package enum AttemptFile: Hashable, Sendable {
    /// The rows to score.
    case data
    /// A file of the model that scores, or that is trained.
    case model(ModelPart)
    /// A file of the model that the attempt has written.
    case written(ModelPart)
    /// The output, which is made, or emptied where it is there.
    case output
    /// Another file without a name in the output's folder, for what does not fit into memory while the output is made.
    case temporary
    /// The part of a range, to be read.
    case part(Int)
    /// The part of a range that is not whole yet, which is made, or emptied where it is there.
    case newPart(Int)
    /// The values of one output of the model as it was published, to compare with, by the output's position.
    case reference(Int)
    /// The same file, which is made, or emptied where it is there.
    case newReference(Int)
    /// The file on which ranges are claimed, which is made where it is missing.
    case claims
}

/// Opens the files of one attempt: the outer part of a worker. The code that computes has no other way to a file, and gets descriptors, so
/// that it may stand in a process that can open nothing.
package protocol AttemptFiles: Sendable {
    /// Returns a descriptor that the caller closes. Throws `missing` where the attempt has no such file.
    func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor
}
