import FileSystem
import Foundation
import Reasons
package import Signatures
import SystemPackage
import Watcher

/// Says why a file cannot be signed, or what was signed not be checked.
package struct SigningFailure: Error, CustomStringConvertible {
    package let description: String
}

extension SignedFiles {
    /// Reads the file at `path` for its digest and, where it is a model, its external data too.
    package init(of path: String) throws(SigningFailure) {
        let companions: [String]
        switch FormatCheck.check(path: path) {
        case .whole(let found): companions = found
        case .incomplete(let reason): throw SigningFailure(description: "\(path) is not whole: \(reason)")
        case .unsafe(let explanation): throw SigningFailure(description: "\(path): \(explanation.fullReason)")
        case .undecided, nil: companions = []
        }
        let file = FilePath(path)
        do throws(FileSystemError) {
            let folder = file.removingLastComponent()
            self.init(
                .init(name: file.lastComponent?.string ?? "", digest: try FileDigest.of(file).digest),
                companions: try companions.map { (name) throws(FileSystemError) in
                    .init(name: name, digest: try FileDigest.of(folder.pushing(FilePath(name))).digest)
                })
        } catch {
            throw SigningFailure(description: "\(error)")
        }
    }

    /// The digest by which the ledger and cards name these files.
    package var digest: String {
        FileDigest.ofModel(digest: file.digest, companions: companions.map { (name: $0.name, digest: $0.digest) })
    }
}
