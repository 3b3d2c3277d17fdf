import Arrivals
import FileSystem
import Foundation
import Glibc
import Ledger

/// Lists the regular files below a folder of ours, with the time since which they are there: that is the change time, which a rename sets,
/// while it leaves the time of the content.
struct AgedFolder {
    struct File {
        let relative: String
        let bytes: Int64
        let since: UTCTime

        /// Returns whether this is `path`, or a later file of that name: `a.csv`, `a.2.csv`, `2/a.csv`.
        func isCopy(of path: String) -> Bool {
            if relative == path { return true }
            // A model with external data is put away in a numbered folder.
            if let slash = relative.firstIndex(of: "/"), Int(relative[..<slash]) != nil, relative[relative.index(after: slash)...] == path {
                return true
            }
            let (folder, name) = Self.split(path), (ownFolder, ownName) = Self.split(relative)
            guard folder == ownFolder, let dot = name.firstIndex(of: ".") else { return folder == ownFolder && ownName.hasPrefix(name) }
            return ownName.hasPrefix(name[..<dot]) && ownName.hasSuffix(name[dot...])
        }

        private static func split(_ path: String) -> (folder: Substring, name: Substring) {
            guard let slash = path.lastIndex(of: "/") else { return ("", path[...]) }
            return (path[..<slash], path[path.index(after: slash)...])
        }
    }

    let path: String

    init(_ path: String) { self.path = path }

    /// Returns the files. Links are neither followed nor counted, nor are names that begin with a dot, which are marks and not inputs.
    func files() -> [File] {
        guard let walker = FileManager.default.enumerator(atPath: path) else { return [] }
        var found: [File] = []
        while let relative = walker.nextObject() as? String {
            if relative.split(separator: "/").contains(where: { $0.hasPrefix(".") }) { continue }
            var status = stat()
            guard lstat(path + "/" + relative, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            let since = max(status.st_ctim.tv_sec, 0) * 1000 + status.st_ctim.tv_nsec / 1_000_000
            found.append(File(relative: relative, bytes: Int64(status.st_size), since: UTCTime(milliseconds: Int64(since))))
        }
        return found
    }

    /// Removes the file, and the folders above it that it leaves empty.
    func remove(_ file: File) {
        guard unlink(path + "/" + file.relative) == 0 else { return }
        FaultPoint.reach(.retentionFile)
        var folder = (file.relative as NSString).deletingLastPathComponent
        while !folder.isEmpty, rmdir(path + "/" + folder) == 0 { folder = (folder as NSString).deletingLastPathComponent }
    }

    static func bytes(of file: String) -> Int64? {
        var status = stat()
        return lstat(file, &status) == 0 ? Int64(status.st_size) : nil
    }
}
