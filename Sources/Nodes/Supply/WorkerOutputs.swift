import FileSystem
import Foundation
import Glibc

/// Looks after the files in which workers on other machines print.
struct WorkerOutputs: Sendable {
    /// The folder of the files, on the shared file system.
    let folder: String
    private static let prefix = "slurm-", suffix = ".out"
    /// The age at which a file is removed, and the number of files that stay in any case below it.
    private static let longest: TimeInterval = 7 * 86_400, most = 200
    /// The bytes that a file may have before they are thrown away.
    private static let largest = 1 << 20
    /// The bytes of a file's end that are shown.
    private static let shown = 600

    /// Returns the path in which Slurm replaces `%A` and `%a`.
    var pattern: String { folder.replacing("%", with: "%%") + "/\(Self.prefix)%A_%a\(Self.suffix)" }

    /// Returns the end of what a worker printed, on one line.
    func lastWords(of name: String) -> String {
        guard let file = FileHandle(forReadingAtPath: "\(folder)/\(Self.prefix)\(name)\(Self.suffix)") else { return "" }
        defer { try? file.close() }
        let size = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: size > UInt64(Self.shown) ? size - UInt64(Self.shown) : 0)
        return ProgramCalls.end(of: String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self))
    }

    /// Removes files that are old, or too many, and empties those that have grown large. What fails is tried again the next time.
    func prune(now: Date = Date()) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var files: [(path: String, changed: Date)] = []
        for name in names where name.hasPrefix(Self.prefix) && name.hasSuffix(Self.suffix) {
            let path = folder + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            files.append((path, Date(timeIntervalSince1970: TimeInterval(status.st_mtim.tv_sec))))
            // Slurm appends, so that a worker that still prints goes on at the beginning.
            if status.st_size > Self.largest { truncate(path, 0) }
        }
        files.sort { $0.changed > $1.changed }
        for (number, file) in files.enumerated() where number >= Self.most || now.timeIntervalSince(file.changed) > Self.longest {
            unlink(file.path)
        }
    }
}
