import Attempts
import FileSystem
import Foundation
import Synchronization
import SystemPackage
import WorkerProtocol

/// Opens the files of attempts for one worker process, which can open none itself: the process names a file by what it is for, and gets a
/// descriptor. It gets files of the attempts that it executes, and no others.
///
/// Requests are answered on a thread of their own, which ends with the connection: a file system that does not answer holds up nothing but
/// the attempt.
final class OuterPart: Sendable {
    private struct Admitted {
        let files: NamedFiles
        let spec: AttemptSpec
        /// The folders that were asked for, by their numbers.
        var folders: [(folder: any GivenFolder, isPrepared: Bool)] = []
    }

    private let connection: FrameConnection
    private let prepared: PreparedFolder?
    private let meetings: HelperMeetings
    private let attempts = Mutex<[AttemptReference: Admitted]>([:])

    /// The most folders that an attempt may ask for. Large files are scored with one for each range.
    private static let mostFolders = 10_000
    /// The most bytes of a request.
    private static let largestRequest = 1 << 16

    /// - Parameters:
    ///   - connection: the connection for requests. Nothing else is said over it.
    ///   - prepared: the folder of prepared models; nil where models are loaded as they are.
    ///   - meetings: connects attempts that train with those that help them.
    init(_ connection: FrameConnection, prepared: PreparedFolder?, meetings: HelperMeetings = HelperMeetings()) {
        self.connection = connection
        self.meetings = meetings
        self.prepared = prepared
        connection.setLargestFrame(Self.largestRequest)
        let thread = Thread { [self] in serve() }
        thread.name = "files"
        thread.start()
    }

    /// Lets the process ask for the files of an attempt.
    func admit(_ spec: AttemptSpec, _ reference: AttemptReference) {
        attempts.withLock { $0[reference] = Admitted(files: NamedFiles(spec, prepared: prepared), spec: spec) }
    }

    /// Makes the output of an attempt and sends it to the process, which has been told that it follows. Where it cannot be made, the process
    /// is told so, asks for it, and finds out why.
    func giveOutput(of attempt: AttemptReference) {
        let files = attempts.withLock { $0[attempt]?.files }
        let output = try? files?.open(.output)
        // A process that is gone is found out by the thread that follows its attempt.
        try? connection.send(FileAnswer.output(attempt, isOpen: output != nil), with: output.map { [$0.rawValue] } ?? [])
    }

    /// Lets the process ask for nothing any more, since it executes nothing.
    func dismissAll() {
        let specs = attempts.withLock { attempts in
            defer { attempts.removeAll(keepingCapacity: true) }
            return attempts.values.map(\.spec)
        }
        for spec in specs where spec.helping != nil { meetings.end(spec.run) }
    }

    // MARK: Requests

    private func serve() {
        // A process that is gone, or whose requests cannot be understood, is found out by the thread that follows its attempt.
        while let request = try? connection.receive(FileRequest.self) {
            let (answer, file) = self.answer(request)
            guard (try? connection.send(answer, with: file.map { [$0.rawValue] } ?? [])) != nil else { break }
        }
        dismissAll()
    }

    private func answer(_ request: FileRequest) -> (FileAnswer, FileDescriptor?) {
        do throws(FileSystemError) {
            guard let attempt = attempts.withLock({ $0[request.attempt] }) else { throw Self.none }
            switch request.act {
            case .open(let file): return (.file, try attempt.files.open(file))
            case .folder(let wanted):
                let folder = try attempt.files.folder(wanted)
                let number: Int? = attempts.withLock { attempts in
                    guard let count = attempts[request.attempt]?.folders.count, count < Self.mostFolders else { return nil }
                    attempts[request.attempt]?.folders.append((folder, wanted == .prepared))
                    return count
                }
                guard let number else { throw Self.none }
                return (.folder(number, path: folder.path.string), nil)
            case .connection:
                let met = attempt.spec.yields ? meetings.come(to: attempt.spec.run) : meetings.next(for: attempt.spec)
                return (met == nil ? .done : .file, met)
            case .inFolder(let number, let act):
                guard attempt.folders.indices.contains(number) else { throw Self.none }
                return try perform(act, in: attempt.folders[number].folder, isPrepared: attempt.folders[number].isPrepared)
            }
        } catch {
            return (.failure(error), nil)
        }
    }

    private func perform(
        _ act: FolderAct, in folder: any GivenFolder, isPrepared: Bool
    ) throws(FileSystemError) -> (FileAnswer, FileDescriptor?) {
        switch act {
        case .status(let name): return (.status(try folder.status(name)), nil)
        case .open(let name): return (.file, try folder.open(name))
        case .create(let name, let kind): return (.file, try folder.create(name, kind))
        case .makeFolder(let name): try folder.makeFolder(name)
        case .rename(let name, let new): try folder.rename(name, to: new)
        case .names: return (.names(try folder.names()), nil)
        case .remove(let name): try folder.remove(name)
        case .sync(let name): try folder.sync(name)
        case .checkRoom(let bytes, let name): try folder.checkRoom(for: bytes, at: name)
        case .descriptor:
            // An engine reads nothing by a name but prepared models.
            guard isPrepared else { throw Self.none }
            return (.file, try folder.descriptor())
        }
        return (.done, nil)
    }

    private static let none = FileSystemError.missing("the file of an attempt that is not under way")
}
