import Reasons
package import SystemPackage

/// Describes everything that can go wrong with files. `Landing` throws it too, for what its protocol refuses: code that lands a result has
/// to answer for both a name that is taken and a disk that is full, and with one type no call in between turns one error into another.
package enum FileSystemError: Error, Hashable, Codable, Sendable {
    /// A system call failed. `doing` completes "could not …".
    case system(doing: String, path: FilePath, errno: Errno)
    /// The file system or a quota is full.
    case noSpace(doing: String, path: FilePath)
    /// The file is larger than the disk, so that no freeing of space would help.
    case largerThanDisk(FilePath, bytes: Int64, capacity: Int64)
    case missing(FilePath)
    /// By now the name leads out of its spool, through a symbolic link.
    case outsideSpool(FilePath)
    /// Another process works on the folder.
    case claimed(FilePath, by: String)
    /// Another process works on a folder that the first lies in, or that lies in it.
    case nested(FilePath, around: FilePath, by: String)
    /// A directory, FIFO, device, socket or symbolic link stands where a regular file is needed.
    case notRegular(FilePath)
    /// The stamp of the file changed while it was being read.
    case changedWhileRead(FilePath)
    /// Something stands at the target that we did not publish, or that was changed after we did.
    case targetNotOurs(FilePath, found: String?, published: String?)
    /// Two outputs of one round have the same target.
    case targetTwice(FilePath)
    /// The output of another input has that name.
    case targetOwned(FilePath, by: String, refused: String)
    /// The staged bytes are not those that the attempt reported.
    case stagedDiffers(FilePath, expected: String, found: String)
    case noStagingPlace(target: FilePath, why: String)
    /// Staged file and target are on different mounts after all.
    case crossMount(from: FilePath, to: FilePath)
    /// Neither `renameat2(RENAME_NOREPLACE)` nor `link` works there.
    case noAtomicPublish(FilePath)
    /// `<path>/<version>` exists with other content.
    case versionTaken(FilePath)
    case noSuchVersion(FilePath, version: Int)
    case badName(String, why: String)
    /// `land.group` names a group that the daemon's user does not belong to.
    case notInGroup(UInt32, pipeline: String)
    case badDocument(FilePath, why: String)
    /// A copy to another mount does not have the digest of its source.
    case copyDiffers(from: FilePath, to: FilePath)
    /// The output has its final name; its folder could not be synced, or its manifest not be written. Recovery finishes it.
    indirect case unfinished(FilePath, why: FileSystemError)
    /// The caller's ledger callback threw; the round stopped there, and recovery continues from it.
    case ledger(step: String, cause: String)
}

extension FileSystemError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .system(let doing, let path, let errno):
            "could not \(doing) \(shown(path)): \(errno)\(Self.advice(errno))"
        case .noSpace(let doing, let path):
            "could not \(doing) \(shown(path)): the file system or quota is full; free space there, the work is tried again"
        case .largerThanDisk(let path, let bytes, let capacity):
            "\(shown(path)) would take \(bytes) bytes, and its whole file system has \(capacity); use another one"
        case .missing(let path):
            "\(shown(path)) is not there any more"
        case .outsideSpool(let path):
            "\(shown(path)) leads out of its spool through a symbolic link; drop the file itself"
        case .claimed(let folder, let holder):
            "another daemon works on \(shown(folder)): \(holder). Two daemons never share a folder: stop that one, or use another folder"
        case .nested(let folder, let other, let holder):
            "\(shown(folder)) \(folder.starts(with: other) ? "lies in" : "holds") \(shown(other)), where another daemon works: \(holder). "
                + "Two daemons use folders that are apart: stop that one, or use another folder"
        case .notRegular(let path):
            "\(shown(path)) is not a regular file; put a plain file there, or move it away"
        case .changedWhileRead(let path):
            "\(shown(path)) changed while it was being read; it is taken up again when it is quiet"
        case .targetNotOurs(let path, let found, let published):
            "\(shown(path)) is not a file that this pipeline published (found \(Self.short(found)), "
                + "published \(Self.short(published))), so it is not replaced; move it away and `millrace retry`"
        case .targetTwice(let path):
            "two outputs of one round would be \(shown(path)); give the inputs different stems, or partition by a fact that differs"
        case .targetOwned(let path, let owner, let refused):
            "\(shown(path)) is the output of \(shown(owner)) and would be that of \(shown(refused)) too; rename one of the inputs"
        case .stagedDiffers(let path, let expected, let found):
            "staged file \(shown(path)) has digest \(Self.short(found)) instead of \(Self.short(expected)); "
                + "something else wrote to the staging directory; the attempt is run again"
        case .noStagingPlace(let target, let why):
            "nothing can be staged for \(shown(target)): \(why)"
        case .crossMount(let from, let to):
            "\(shown(from)) and \(shown(to)) are on different mounts, so one rename cannot publish; the next attempt is staged on the "
                + "mount of the target"
        case .noAtomicPublish(let path):
            "the file system of \(shown(path)) can neither rename without replacing nor make hard links; land on another file system"
        case .versionTaken(let path):
            "\(shown(path)) exists and is not the version to be published; move it away and `millrace retry`"
        case .noSuchVersion(let path, let version):
            "there is no version \(version) with a card in \(shown(path)); `millrace models` lists those there are"
        case .badName(let name, let why):
            "the name \(shown(name)) cannot be used: \(why)"
        case .notInGroup(let group, let pipeline):
            "pipeline \(pipeline) says land.group \(group), and the daemon's user is no member of it; add the user to that group and start "
                + "again, or name another"
        case .badDocument(let path, let why):
            "\(shown(path)) could not be understood: \(why)"
        case .copyDiffers(let from, let to):
            "the copy of \(shown(from)) at \(shown(to)) reads back differently; the original stays; check that disk"
        case .unfinished(let path, let why):
            "\(shown(path)) stands, and its manifest does not tell of it yet: \(why)"
        case .ledger(let step, let cause):
            "the ledger did not accept \(step): \(cause)"
        }
    }

    private static func short(_ digest: String?) -> String {
        digest.map { String($0.prefix(12)) } ?? "nothing"
    }

    private static func advice(_ errno: Errno) -> String {
        switch errno {
        case .permissionDenied, .notPermitted: "; give the daemon's user read and write permission there"
        case .readOnlyFileSystem: "; mount it writable or choose another path"
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem: "; raise the open file limit (LimitNOFILE)"
        case .ioError: "; the disk reports an error, see the kernel log"
        default: ""
        }
    }
}

/// Returns a path as text on one line, whatever is in it: control characters and invalid UTF-8 are escaped.
package func shown(_ path: FilePath) -> String { shown(path.string) }

package func shown(_ name: String) -> String { name.printable }
