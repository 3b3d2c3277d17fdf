import Arrivals
import FileSystem
import Glibc
package import SystemPackage
import WorkerProtocol

/// Describes a folder that attempts read or write, and that a worker on another machine must see as the daemon does.
package struct SharedFolder: Sendable, Hashable {
    /// Says what stands in the folder by which it is recognized.
    package enum Mark: Sendable, Hashable {
        /// The daemon may write in it what it likes: it puts a file there, and so does the worker.
        case ours
        /// A file with what only this daemon has written, at this path relative to the folder. Nothing else is written.
        case file(String)
    }

    package let path: FilePath
    package let mark: Mark

    package init(_ path: FilePath, _ mark: Mark) {
        self.path = path
        self.mark = mark
    }
}

/// Asks one worker about folders, and judges what it sees.
struct FolderProof {
    private struct Question {
        let folder: SharedFolder
        let probe: FolderProbe
        /// What the worker must see.
        let inode: Int64
        let digest: String?
    }

    private let questions: [Question]
    /// The time that a cache of a file system may take to show what the other side has written.
    private static let patience: Duration = .seconds(10)

    /// Writes what the worker is to read. A folder that the daemon itself cannot look into is not asked about.
    init(_ folders: [SharedFolder]) {
        let name = ".probe-" + WorkerToken.nonce()
        questions = folders.compactMap { folder in
            guard let status = (try? Disk.status(Disk.resolve(folder.path))) ?? nil, status.kind == .directory else { return nil }
            let path = folder.path.string
            switch folder.mark {
            case .ours:
                let text = WorkerToken.nonce(), back = FolderProbe.Note(name: name + ".seen", text: WorkerToken.nonce())
                guard (try? JSONFile.write(Array(text.utf8), to: folder.path.appending(name))) != nil else { return nil }
                return Question(
                    folder: folder, probe: FolderProbe(folder: path, read: name, write: back), inode: status.stamp.inode,
                    digest: FileDigest.of(bytes: text.utf8))
            case .file(let file):
                let digest = try? FileDigest.of(folder.path.pushing(FilePath(file))).digest
                return Question(
                    folder: folder, probe: FolderProbe(folder: path, read: digest == nil ? nil : file), inode: status.stamp.inode,
                    digest: digest)
            }
        }
    }

    var probes: [FolderProbe] { questions.map(\.probe) }

    /// The folders that are asked about.
    var folders: [SharedFolder] { questions.map(\.folder) }

    /// Returns what is wrong with what a worker sees; nil where it sees the daemon's folders.
    func fault(in sights: [FolderProbe.Sight]) -> String? {
        guard sights.count == questions.count else { return "it says nothing of some folders" }
        for (question, sight) in zip(questions, sights) {
            let path = question.folder.path.string
            if let fault = sight.fault { return "it does not see \(path) as the daemon does: \(fault)" }
            guard let digest = question.digest else {
                // Nothing stands there by which it could be recognized better.
                if sight.inode != question.inode { return "its \(path) is another folder" }
                continue
            }
            guard sight.digest == digest else { return "its \(path) is another folder: the file \(question.probe.read ?? "") differs" }
            if let note = question.probe.write, !Self.stands(note, in: question.folder.path) {
                return "what it writes to \(path) does not arrive here"
            }
        }
        return nil
    }

    /// Removes what was written to ask.
    func remove() {
        for question in questions {
            guard let note = question.probe.write, let name = question.probe.read else { continue }
            for name in [name, note.name] { try? Disk.remove(question.folder.path.appending(name)) }
        }
    }

    private static func stands(_ note: FolderProbe.Note, in folder: FilePath) -> Bool {
        // The folder is listed before the name is looked up: some caches remember for long that a name was not there.
        waited {
            guard (try? Disk.names(in: folder))?.contains(where: { $0.string == note.name }) == true else { return false }
            return (try? JSONFile.read(folder.appending(note.name))) == Array(note.text.utf8)
        }
    }

    /// Returns whether a condition holds within the patience.
    fileprivate static func waited(_ condition: () -> Bool) -> Bool {
        let end = ContinuousClock.now + patience
        while true {
            if condition() { return true }
            guard ContinuousClock.now < end else { return false }
            usleep(50_000)
        }
    }
}

extension FolderProbe {
    /// Looks at the folder as the worker sees it, and writes in it what was asked for.
    func look() -> Sight {
        let path = FilePath(folder)
        guard path.isAbsolute, isPlain else { return Sight(fault: "the daemon asks for something that is no name") }
        guard let status = (try? Disk.status(Disk.resolve(path))) ?? nil, status.kind == .directory else {
            return Sight(fault: "there is no such folder")
        }
        var sight = Sight(inode: status.stamp.inode)
        if let read {
            let isThere = FolderProof.waited {
                sight.digest = try? FileDigest.of(path.pushing(FilePath(read))).digest
                return sight.digest != nil
            }
            if !isThere { sight.fault = "there is no \(read) in it" }
        }
        guard sight.fault == nil, let write else { return sight }
        do throws(FileSystemError) { try JSONFile.write(Array(write.text.utf8), to: path.appending(write.name)) } catch {
            sight.fault = "\(error)"
        }
        return sight
    }

    /// Tells whether what is read lies in the folder, and what is written can be nothing but a probe.
    private var isPlain: Bool {
        let read = self.read.map { FilePath($0) }
        let leads = read.map { !$0.isAbsolute && $0.components.allSatisfy { $0.kind == .regular } } ?? true
        return leads && write.map { $0.name.hasPrefix(".probe-") && !$0.name.contains("/") } ?? true
    }
}
