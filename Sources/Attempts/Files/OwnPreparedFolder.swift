import FileSystem
import SystemPackage

/// Gives from the folder of prepared models what belongs to one model. An attempt that computes with a bad model can so neither change nor
/// make the prepared weights of another, which other attempts would score with.
struct OwnPreparedFolder: GivenFolder {
    let folder: HeldFolder
    /// The digest of the model, with which all of its names begin (`PreparedFolder.Place`).
    let digest: String

    var path: FilePath { folder.path }

    func status(_ name: String) throws(FileSystemError) -> FileStatus? { try folder.status(own(name)) }
    func open(_ name: String) throws(FileSystemError) -> FileDescriptor { try folder.open(own(name)) }
    func create(_ name: String, _ kind: NewFile) throws(FileSystemError) -> FileDescriptor { try folder.create(own(name), kind) }
    func makeFolder(_ name: String) throws(FileSystemError) { try folder.makeFolder(own(name)) }
    func rename(_ name: String, to new: String) throws(FileSystemError) { try folder.rename(own(name), to: own(new)) }
    func names() throws(FileSystemError) -> [String] { try folder.names().filter(isOwn) }
    func remove(_ name: String) throws(FileSystemError) { try folder.remove(own(name)) }
    func sync(_ name: String?) throws(FileSystemError) { try folder.sync(name.map { name throws(FileSystemError) in try own(name) }) }
    func checkRoom(for byteCount: Int64, at name: String) throws(FileSystemError) { try folder.checkRoom(for: byteCount, at: own(name)) }
    func descriptor() throws(FileSystemError) -> FileDescriptor { try folder.descriptor() }

    private func own(_ name: String) throws(FileSystemError) -> String {
        guard isOwn(name) else { throw .missing(path(of: name)) }
        return name
    }

    /// Returns whether a name is one of the model's. What is being made has a point in front.
    private func isOwn(_ name: String) -> Bool {
        let components = name.split(separator: "/", omittingEmptySubsequences: false)
        let first = components[0].first == "." ? components[0].dropFirst() : components[0]
        return first.hasPrefix(digest + "-") && !components.contains("..")
    }
}
