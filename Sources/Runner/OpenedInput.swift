import Arrivals
import Attempts
import FileSystem
import Foundation
import Glibc
import Reasons
import SystemPackage

/// Keeps the files of one input open, which are opened once for an attempt: the attempt reads what these descriptors hold, whatever happens
/// to their names. A file in a spool is opened beneath the spool.
///
/// What is read is what was numbered only if the files have the stamp that they were numbered with, before the first byte is read and after
/// the last one. Where the stamp differs, as after a `chmod`, they are hashed again; where the content has changed, the attempt is void.
final class OpenedInput {
    let path: String
    let file: FileDescriptor
    /// The folder of a model that has external data.
    private let folder: FileDescriptor?
    private let companions: [(name: String, file: FileDescriptor)]
    private let digest: String
    /// The stamps of the files when they were opened, the file's own first.
    private var stamps: [FileStamp]

    /// Opens the files and compares them with what was numbered.
    /// - Parameters:
    ///   - data: the file where it is open, or its content, which is what was numbered.
    ///   - files: opens the rows of an attempt that scores, where they are not given; nil opens the input by its name.
    init(_ input: AttemptSpec.InputFile, _ data: AttemptData? = nil, from files: (any AttemptFiles)? = nil) throws(Failure) {
        path = input.path
        digest = input.digest
        let access = InputAccess(input)
        try access.check()
        let opened = try Self.opening(input.path) { () throws(FileSystemError) in
            switch data {
            case .file(let file)?: return try Disk.duplicate(file, FilePath(input.path))
            case .content(let bytes)?: return try Disk.nameless(bytes, FilePath(input.path))
            case nil: return if let files { try files.open(.data) } else { try access.open() }
            }
        }
        file = opened
        var others: [(name: String, file: FileDescriptor)] = []
        var held: FileDescriptor?
        do throws(Failure) {
            if !input.companions.isEmpty {
                held = try Self.opening(access.above) { () throws(FileSystemError) in try access.openFolder() }
                for name in input.companions {
                    let path = access.above + "/" + name
                    others.append((name, try Self.opening(path) { () throws(FileSystemError) in try access.open(companion: name) }))
                }
            }
        } catch {
            // Nobody else closes what this object holds before all of its properties are set.
            for descriptor in [opened, held].compactMap({ $0 }) + others.map(\.file) { Glibc.close(descriptor.rawValue) }
            throw error
        }
        folder = held
        companions = others
        stamps = []
        stamps = try currentStamps()
        if case .content = data { return }
        if input.stamp != FileStamp.whole(stamps) { try compareContent() }
    }

    /// Returns a descriptor that this object owns.
    private static func opening(
        _ path: String, _ open: () throws(FileSystemError) -> FileDescriptor
    ) throws(Failure) -> FileDescriptor {
        do throws(FileSystemError) { return try open() } catch { throw Failure(opening: error, place: path) }
    }

    deinit {
        for descriptor in [file, folder].compactMap({ $0 }) + companions.map(\.file) { Glibc.close(descriptor.rawValue) }
    }

    /// The folder from which external data is read: the one that was opened, even if another folder has its name by now. It is valid as
    /// long as this object exists.
    var directory: String? { folder.map { "/proc/self/fd/\($0.rawValue)" } }

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
                named.append((companion.name, try FileDigest.of(companion.file, named: FilePath(path)).digest))
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
                let stamp = try FileDigest.stamp(of: companion.file, named: FilePath(path))
                if let folder, FileDigest.stamp(companion.name, in: folder) != stamp { throw .changedWhileRead(FilePath(path)) }
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
