import Arrivals
import Attempts
import FileSystem
import Foundation
import Names
import ONNX
import Reasons
import SystemPackage

/// Keeps the files of one input open, which are opened once for an attempt: the attempt reads what these descriptors hold, whatever happens
/// to their names. A file in a spool is opened beneath the spool.
///
/// What is read is what was numbered only if the files have the stamp that they were numbered with, before the first byte is read and after
/// the last one. Where the stamp differs, as after a `chmod`, they are hashed again; where the content has changed, the attempt is void.
///
/// Of files that were admitted by a signature a copy is read that has the digest: whoever has such a file mapped into memory can change it
/// without changing its stamp.
final class OpenedInput {
    let path: String
    private let own: OwnedFile
    /// The folder of a model that has external data; nil where copies are read.
    private let folder: (any GivenFolder)?
    private let companions: [(name: String, file: OwnedFile)]
    private let digest: String
    private let isCopied: Bool
    private let files: any AttemptFiles
    /// The stamps of the files when they were opened, the file's own first.
    private var stamps: [FileStamp]

    /// Opens the files and compares them with what was numbered.
    /// - Parameters:
    ///   - role: says what the attempt has the input for.
    ///   - data: the file where it is open, or its content, which is what was numbered.
    ///   - files: opens the files, where they are not given.
    init(
        _ input: AttemptSpec.InputFile, as role: AttemptFile, _ data: AttemptData? = nil, from files: any AttemptFiles
    ) throws(Failure) {
        path = input.path
        digest = input.digest
        self.files = files
        try input.checkSpool()
        let opened = try Self.opening(input.path) { () throws(FileSystemError) in
            switch data {
            case .file(let file)?: return try Disk.duplicate(file, FilePath(input.path))
            case .content(let bytes)?: return try Disk.nameless(bytes, FilePath(input.path))
            case nil: return try files.open(role)
            }
        }
        var held = [OwnedFile(opened)]
        var arrived: (any GivenFolder)?
        if !input.companions.isEmpty {
            arrived = try Self.opening(input.folder) { () throws(FileSystemError) in try files.folder(.arrived) }
            for name in input.companions {
                let part = ModelPart.weights(name.split(separator: "/").map(String.init))
                held.append(
                    OwnedFile(
                        try Self.opening(input.folder + "/" + name) { () throws(FileSystemError) in try files.open(.model(part)) }))
            }
        }
        isCopied = input.isSigned
        if isCopied { held = try held.map { (file) throws(Failure) in try Self.copy(of: file, input.path, files) } }
        own = held[0]
        companions = zip(input.companions, held.dropFirst()).map { ($0, $1) }
        folder = isCopied ? nil : arrived
        stamps = []
        stamps = try currentStamps()
        if case .content = data { return }
        if isCopied || input.stamp != FileStamp.whole(stamps) { try compareContent() }
    }

    /// Returns a copy in a file without a name, which nobody else can change.
    private static func copy(of file: OwnedFile, _ path: String, _ files: any AttemptFiles) throws(Failure) -> OwnedFile {
        do throws(FileSystemError) {
            let folder = try files.folder(.version), name = ".signed"
            let copy = OwnedFile(try folder.create(name, .emptied))
            try folder.remove(name)
            try Disk.clone(file.descriptor, FilePath(path), into: copy.descriptor, folder.path(of: name), isDurable: false)
            return copy
        } catch { throw Failure(landing: error, place: path) }
    }

    private static func opening<Opened>(_ path: String, _ open: () throws(FileSystemError) -> Opened) throws(Failure) -> Opened {
        do throws(FileSystemError) { return try open() } catch { throw Failure(opening: error, place: path) }
    }

    /// The descriptor of the input's own file.
    var file: FileDescriptor { own.descriptor }

    /// The external data of a model: the files that were opened, even if others have their names by now. What was not numbered with a model
    /// is in the folder that was opened, and is nothing that a signature covers.
    var externalData: ExternalDataDirectory {
        ExternalDataDirectory(isOurs: isCopied) { [companions, isCopied, folder, files, path] components in
            Result { () throws(FileSystemError) in
                let name = components.joined(separator: "/")
                if let known = companions.first(where: { $0.name.isName(name) }) {
                    return try Disk.duplicate(known.file.descriptor, FilePath(path))
                }
                if isCopied { throw .missing(FilePath(name)) }
                let folder = if let folder { folder } else { try files.folder(.arrived) }
                return try folder.open(name)
            }
        }
    }

    var byteCount: Int { Int(clamping: stamps[0].size) }

    /// Throws `inputChanged` where what was read since the files were opened may not be what was numbered.
    func verifyUnchanged() throws(Failure) {
        let now = try currentStamps()
        if now == stamps { return }
        // External data is read by its name, so that its present state does not prove that it was right when it was read.
        guard companions.isEmpty else { throw Self.changed(path) }
        stamps = now
        try compareContent()
    }

    private func compareContent() throws(Failure) {
        // Of a file that has no digest yet only the stamp tells that it is the same.
        if digest.isEmpty { throw Self.changed(path) }
        do throws(FileSystemError) {
            var named: [(name: String, digest: String)] = []
            for companion in companions {
                named.append((companion.name, try FileDigest.of(companion.file.descriptor, named: FilePath(path)).digest))
            }
            let own = try FileDigest.of(file, named: FilePath(path))
            if FileDigest.ofModel(digest: own.digest, companions: named) == digest { return }
        } catch .changedWhileRead {
            throw Self.changed(path)
        } catch {
            throw Failure(opening: error, place: path)
        }
        throw Self.changed(path)
    }

    /// Returns the stamps of the open files. Throws where external data in the folder is not the file that was opened.
    private func currentStamps() throws(Failure) -> [FileStamp] {
        do throws(FileSystemError) {
            var found = [try FileDigest.stamp(of: file, named: FilePath(path))]
            for companion in companions {
                let stamp = try FileDigest.stamp(of: companion.file.descriptor, named: FilePath(path))
                if let folder, try folder.status(companion.name)?.stamp != stamp { throw .changedWhileRead(FilePath(path)) }
                found.append(stamp)
            }
            return found
        } catch .changedWhileRead {
            throw Self.changed(path)
        } catch {
            throw Failure(opening: error, place: path)
        }
    }

    private static func changed(_ path: String) -> Failure {
        Failure(
            .inputChanged, what: "the file is not the one any more that was numbered", place: path,
            remedy: "Nothing: it is taken up again when it is complete.")
    }
}

extension AttemptSpec.InputFile {
    /// Throws where the input has a spool and is not in it.
    fileprivate func checkSpool() throws(Failure) {
        guard let spool, SpoolAccess.relative(path, to: spool) == nil else { return }
        let shown = spool.hasSuffix("/") ? spool : spool + "/"
        throw Failure(.badInput, what: "it is not in its spool \(shown)", place: path, remedy: "Name a file of the spool.")
    }
}
