package import Arrivals
internal import Glibc
internal import Signatures

/// Looks at the signature beside a file: `NAME.sig`. Whether it is a good one is found when the file has been read for its digest.
package struct SignatureFile {
    package enum Look: Equatable {
        case missing
        case whole(FileStamp)
        /// It is no signature, or not all of one yet; the text says why.
        case unusable(FileStamp, String)
    }

    /// The path of the file that it is of.
    private let file: String

    package init(of file: String) { self.file = file }

    private var path: String { DetachedSignature.name(of: file) }

    /// The stamp; nil where nothing is there.
    package var stamp: FileStamp? {
        var status = stat()
        return lstat(path, &status) == 0 ? FileStamp(status) : nil
    }

    package func look() -> Look {
        var status = stat()
        guard lstat(path, &status) == 0 else { return .missing }
        let stamp = FileStamp(status)
        guard status.st_mode & S_IFMT == S_IFREG else { return .unusable(stamp, "it is no plain file") }
        guard stamp.size <= DetachedSignature.largest else { return .unusable(stamp, "it is too large for a signature") }
        guard var opened = try? SealedFile(path: path), FileStamp(opened.status) == stamp,
            let content = opened.bytes(at: 0, count: Int(stamp.size))
        else { return .unusable(stamp, "it cannot be read") }
        do throws(SignatureError) { _ = try DetachedSignature(content) } catch { return .unusable(stamp, "\(error)") }
        return .whole(stamp)
    }
}

extension FileStamp {
    /// Returns the stamp by which a file is remembered that was judged with its signature, or for the lack of one: another signature makes
    /// it another stamp. It is never that of the file itself.
    package func judged(with signature: FileStamp?) -> FileStamp {
        var judged = self
        judged.changed += signature?.changed ?? 1 << 60
        return judged
    }
}
