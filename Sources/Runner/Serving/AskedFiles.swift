import Attempts
import FileSystem
import Foundation
import Synchronization
import SystemPackage
package import WorkerProtocol

/// Asks the daemon for files, of which this process can open none. One thread asks at a time, and waits for the answer.
package final class FileAsking: @unchecked Sendable {
    private let connection: FrameConnection
    private let lock = NSLock()

    /// - Parameter connection: a local connection on which nothing else is said.
    package init(_ connection: FrameConnection) { self.connection = connection }

    /// Returns the answer, and the open file where one came with it.
    fileprivate func ask(
        _ attempt: AttemptReference, _ act: FileRequest.Act
    ) throws(FileSystemError) -> (answer: FileAnswer, file: FileDescriptor?) {
        lock.lock()
        defer { lock.unlock() }
        let answer: FileAnswer?
        do throws(FrameError) {
            try connection.send(FileRequest(attempt: attempt, act: act))
            answer = try connection.receive(FileAnswer.self)
        } catch {
            // The daemon is gone, or cannot be understood.
            throw .system(doing: "ask the daemon for", path: "a file", errno: .brokenPipe)
        }
        switch answer {
        case nil: throw .system(doing: "ask the daemon for", path: "a file", errno: .brokenPipe)
        case .failure(let error)?: throw error
        case .file?:
            // The kernel drops files that a process has no room for.
            guard let file = connection.takeFile() else { throw .system(doing: "take", path: "a file", errno: .tooManyOpenFiles) }
            return (.file, FileDescriptor(rawValue: file))
        case let answer?: return (answer, nil)
        }
    }

    /// Returns the open file that is the answer.
    fileprivate func file(_ attempt: AttemptReference, _ act: FileRequest.Act) throws(FileSystemError) -> FileDescriptor {
        let (_, file) = try ask(attempt, act)
        guard let file else { throw .system(doing: "take", path: "a file", errno: .protocolError) }
        return file
    }
}

/// Asks for the files of one attempt. Its output may have come with the order.
struct AskedFiles: AttemptFiles {
    private let attempt: AttemptReference
    private let asking: FileAsking
    private let output: GivenOutput?

    /// - Parameter output: the output, which stays the caller's.
    init(_ attempt: AttemptReference, _ asking: FileAsking, output: FileDescriptor?) {
        self.attempt = attempt
        self.asking = asking
        self.output = output.map { GivenOutput($0) }
    }

    func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor {
        if file == .output, let output = output?.take() { return output }
        return try asking.file(attempt, .open(file))
    }

    func folder(_ folder: AttemptFolder) throws(FileSystemError) -> any GivenFolder {
        guard case (.folder(let number, let path), _) = try asking.ask(attempt, .folder(folder)) else {
            throw .system(doing: "take", path: "a folder", errno: .protocolError)
        }
        return AskedFolder(path: FilePath(path), number: number, attempt: attempt, asking: asking)
    }
}

/// Gives away the output that has come with an order, once. A writer that begins it again asks for it.
private final class GivenOutput: Sendable {
    private let file: Mutex<FileDescriptor?>

    init(_ file: FileDescriptor) { self.file = Mutex(file) }

    func take() -> FileDescriptor? {
        file.withLock { file in
            defer { file = nil }
            return file.flatMap { try? $0.duplicate() }
        }
    }
}

/// Asks for what is in a folder of an attempt.
private struct AskedFolder: GivenFolder {
    let path: FilePath
    let number: Int
    let attempt: AttemptReference
    let asking: FileAsking

    func status(_ name: String) throws(FileSystemError) -> FileStatus? {
        guard case .status(let status) = try ask(.status(name)) else { throw Self.other }
        return status
    }
    func open(_ name: String) throws(FileSystemError) -> FileDescriptor { try file(.open(name)) }
    func create(_ name: String, _ kind: NewFile) throws(FileSystemError) -> FileDescriptor { try file(.create(name, kind)) }
    func makeFolder(_ name: String) throws(FileSystemError) { _ = try ask(.makeFolder(name)) }
    func rename(_ name: String, to new: String) throws(FileSystemError) { _ = try ask(.rename(name, to: new)) }
    func names() throws(FileSystemError) -> [String] {
        guard case .names(let names) = try ask(.names) else { throw Self.other }
        return names
    }
    func remove(_ name: String) throws(FileSystemError) { _ = try ask(.remove(name)) }
    func sync(_ name: String?) throws(FileSystemError) { _ = try ask(.sync(name)) }
    func checkRoom(for byteCount: Int64, at name: String) throws(FileSystemError) { _ = try ask(.checkRoom(byteCount, at: name)) }
    func descriptor() throws(FileSystemError) -> FileDescriptor { try file(.descriptor) }

    private static let other = FileSystemError.system(doing: "take", path: "an answer", errno: .protocolError)

    private func ask(_ act: FolderAct) throws(FileSystemError) -> FileAnswer { try asking.ask(attempt, .inFolder(number, act)).answer }
    private func file(_ act: FolderAct) throws(FileSystemError) -> FileDescriptor { try asking.file(attempt, .inFolder(number, act)) }
}
