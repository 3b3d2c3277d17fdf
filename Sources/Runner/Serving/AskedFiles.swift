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
    /// The outputs that have come and were not taken; nil where one could not be made.
    private var outputs: [AttemptReference: FileDescriptor?] = [:]

    /// - Parameter connection: a local connection on which nothing else is said.
    package init(_ connection: FrameConnection) { self.connection = connection }

    /// Returns the answer, and the open file where one came with it.
    fileprivate func ask(
        _ attempt: AttemptReference, _ act: FileRequest.Act
    ) throws(FileSystemError) -> (answer: FileAnswer, file: FileDescriptor?) {
        lock.lock()
        defer { lock.unlock() }
        var answer: FileAnswer?
        do throws(FrameError) {
            try connection.send(FileRequest(attempt: attempt, act: act))
            repeat { answer = try connection.receive(FileAnswer.self) } while keeps(answer)
        } catch {
            // The daemon is gone, or cannot be understood.
            throw Self.gone
        }
        switch answer {
        case nil: throw Self.gone
        case .failure(let error)?: throw error
        case .file?:
            // The kernel drops files that a process has no room for.
            guard let file = connection.takeFile() else { throw .system(doing: "take", path: "a file", errno: .tooManyOpenFiles) }
            return (.file, FileDescriptor(rawValue: file))
        case let answer?: return (answer, nil)
        }
    }

    private static let gone = FileSystemError.system(doing: "ask the daemon for", path: "a file", errno: .brokenPipe)

    /// Keeps an output that has come without being asked for; returns false where the frame is no such.
    private func keeps(_ frame: FileAnswer?) -> Bool {
        guard case .output(let attempt, let isOpen)? = frame else { return false }
        outputs[attempt] = .some(isOpen ? connection.takeFile().map { FileDescriptor(rawValue: $0) } : nil)
        return true
    }

    /// Waits for the output of an attempt, of which it was said that it follows.
    /// - Returns: the open file, which is the caller's from then on; nil where it could not be made, or the daemon is gone.
    fileprivate func output(of attempt: AttemptReference) -> FileDescriptor? {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if let output = outputs.removeValue(forKey: attempt) { return output }
            guard let frame = try? connection.receive(FileAnswer.self), keeps(frame) else { return nil }
        }
    }

    /// Closes the output of an attempt, of which it was said that it follows, and which nobody has taken.
    func closeOutput(of attempt: AttemptReference) { try? output(of: attempt)?.close() }

    /// Returns the open file that is the answer.
    fileprivate func file(_ attempt: AttemptReference, _ act: FileRequest.Act) throws(FileSystemError) -> FileDescriptor {
        let (_, file) = try ask(attempt, act)
        guard let file else { throw .system(doing: "take", path: "a file", errno: .protocolError) }
        return file
    }
}

/// Asks for the files of one attempt. Its output may come without being asked for.
final class AskedFiles: AttemptFiles {
    private let attempt: AttemptReference
    private let asking: FileAsking
    /// Tells whether the output comes, or has come, and was not taken. A writer that begins its output again asks for it.
    private let outputFollows: Atomic<Bool>

    init(_ attempt: AttemptReference, _ asking: FileAsking, outputFollows: Bool) {
        self.attempt = attempt
        self.asking = asking
        self.outputFollows = Atomic(outputFollows)
    }

    func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor {
        if file == .output, takesOutput(), let output = asking.output(of: attempt) { return output }
        return try asking.file(attempt, .open(file))
    }

    /// Closes the output where nobody has taken it. To be called at the end of the attempt.
    func closeOutput() {
        if takesOutput() { asking.closeOutput(of: attempt) }
    }

    private func takesOutput() -> Bool { outputFollows.exchange(false, ordering: .relaxed) }

    func folder(_ folder: AttemptFolder) throws(FileSystemError) -> any GivenFolder {
        guard case (.folder(let number, let path), _) = try asking.ask(attempt, .folder(folder)) else {
            throw .system(doing: "take", path: "a folder", errno: .protocolError)
        }
        return AskedFolder(path: FilePath(path), number: number, attempt: attempt, asking: asking)
    }

    func connection() throws(FileSystemError) -> FileDescriptor? { try asking.ask(attempt, .connection).file }
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
