import Arrivals
import Attempts
import FileSystem
import Foundation
import Glibc
import Landing
import SystemPackage
import WorkerProtocol

/// Holds what attempts write that were handed to a worker on another machine, until they are answered: a folder in staging, which belongs to
/// this one hand-out and is made by the daemon. What the answer to it names is compared with the answer and moved to where the attempt was
/// to write. A worker that is lost may go on writing; it does so in its own folder, where nobody looks any more.
struct AwayFolder: Sendable {
    private let folder: FilePath
    /// The attempts as the worker gets them, which write into the folder.
    let specs: [AttemptSpec]
    private let home: [AttemptSpec]

    /// The time that the file system of another machine may take to show here what was written there.
    private static let patience: Duration = .seconds(60)

    /// Makes the folder for attempts, which are of one pipeline.
    init(for attempts: [AttemptSpec], _ reference: AttemptReference, of spares: SpareFolders) throws(FileSystemError) {
        home = attempts
        let staging = FilePath(attempts[0].written).removingLastComponent()
        let mark = String(reference.nonce, radix: 16)
        folder = staging.appending(StagingArea.awayName(run: reference.run, attempt: reference.attempt, mark: mark))
        try spares.make(folder)
        FaultPoint.reach(.awayMade)
        var specs: [AttemptSpec] = []
        for attempt in attempts {
            var spec = attempt
            try spec.write(below: folder)
            specs.append(spec)
        }
        self.specs = specs
    }

    /// Returns the folder of an earlier hand-out, whose attempt is the same as this one; nil where it is none, lies somewhere else, or is
    /// gone, since nobody wanted any more what is written there.
    /// - Parameter away: the attempt as the worker has it.
    init?(of attempt: AttemptSpec, adopted away: AttemptSpec) {
        let folder = FilePath(away.written).removingLastComponent()
        guard folder.removingLastComponent() == FilePath(attempt.written).removingLastComponent(), let name = folder.lastComponent,
            StagingArea.isAway(name.string, run: attempt.run), FilePath(away.written).components.allSatisfy({ $0.kind == .regular }),
            Disk.isDirectory(folder)
        else { return nil }
        (self.folder, specs, home) = (folder, [away], [attempt])
    }

    /// Removes what earlier hand-outs of a run have left: a worker that still writes there is not listened to.
    static func removeEarlier(of attempt: AttemptSpec) {
        let staging = FilePath(attempt.written).removingLastComponent()
        for name in (try? Disk.names(in: staging)) ?? [] where StagingArea.isAway(name.string, run: attempt.run) {
            try? Disk.removeTree(staging.appending(name))
        }
    }

    /// Takes the files of an answer home, which are here as the answer says.
    /// - Parameter place: the place of the attempt in the list.
    /// - Returns: the answer with the paths that the attempt was to write.
    func takeHome(_ result: AttemptResult, _ place: Int) throws(FileSystemError) -> AttemptResult {
        var result = result
        let (away, home) = (specs[place], home[place])
        for index in result.files.indices {
            let path = result.files[index].path
            result.files[index].path = home.written + path.dropFirst(away.written.count)
        }
        if !result.files.isEmpty || away.modelFiles != nil { try move(away.written, home.written) }
        return result
    }

    private func move(_ from: String, _ to: String) throws(FileSystemError) {
        let (from, to) = (FilePath(from), FilePath(to))
        if Disk.isDirectory(to) { try Disk.removeTree(to) }
        switch Disk.renameReplacing(from, to) {
        case nil: FaultPoint.reach(.awayHome)
        // An attempt that has failed may have made nothing.
        case .noSuchFileOrDirectory?: return
        case let failure?: throw Disk.renameFailure(failure, from, to)
        }
    }

    /// Waits until a file is here as its worker has written it. It is not looked for before it was answered: a cache might remember that
    /// it was not there.
    static func awaitFile(_ file: AttemptResult.WrittenFile) throws(FileSystemError) {
        let path = FilePath(file.path), end = ContinuousClock.now + patience
        var pause: UInt32 = 5000
        while true {
            let found: FileSystemError
            do throws(FileSystemError) {
                let here = try FileDigest.of(path)
                if here.digest == file.digest, here.stamp.size == file.byteCount { return }
                found = .badDocument(path, why: "it is not what the worker has written")
            } catch {
                found = error
            }
            guard ContinuousClock.now < end else { throw found }
            // A listing has some file systems look again.
            _ = try? Disk.names(in: path.removingLastComponent())
            usleep(pause)
            pause = min(pause * 2, 1_000_000)
        }
    }

    /// Gives the folder back, where the worker has answered all that was to be written there, or removes it with what is left in it.
    func giveBack(to spares: SpareFolders, isAnswered: Bool) {
        let isQuiet = isAnswered && specs.allSatisfy { if case .score(let files) = $0.work { files.parts == nil } else { false } }
        if isQuiet { spares.keep(folder) } else { try? Disk.removeTree(folder) }
    }
}

extension AttemptSpec {
    /// The digest of the work of an attempt, without where it writes: two attempts with the same one write the same.
    var essence: String {
        var spec = self
        spec.attempt = 0
        switch spec.work {
        case .score(var files):
            (files.output, files.parts) = ("", files.parts.map { _ in "" })
            spec.work = .score(files)
        case .validateModel(var files, var training):
            files.directory = ""
            training?.checkpoints = ""
            spec.work = .validateModel(files, training: training)
        case .fineTune(var files, var training):
            files.directory = ""
            training.checkpoints = ""
            spec.work = .fineTune(files, training: training)
        case .scoreRange, .scoreAhead, .measure, .rewrite: break
        }
        return (try? FileDigest.of(bytes: JSONFile.encode(spec, for: ""))) ?? ""
    }

    /// The path of what the attempt writes: the output, or the folder of a model.
    var written: String {
        switch work {
        case .score(let files), .scoreRange(let files), .scoreAhead(let files): files.output
        case .validateModel(let files, _), .fineTune(let files, _): files.directory
        case .rewrite(let files): files.directory
        case .measure(let files): files.reference
        }
    }

    /// Has the attempt write into a folder, under the names that it writes now.
    fileprivate mutating func write(below folder: FilePath) throws(FileSystemError) {
        func below(_ path: String) -> String { folder.appending((path as NSString).lastPathComponent).string }
        switch work {
        case .score(var files):
            files.output = below(files.output)
            files.parts = files.parts.map { _ in folder.appending("parts").string }
            work = .score(files)
        case .validateModel(var files, var training):
            files.directory = below(files.directory)
            if training != nil {
                training!.checkpoints = try AwayCheckpoints(training!.checkpoints).handOut(as: folder.lastComponent!.string).string
            }
            work = .validateModel(files, training: training)
        case .fineTune(var files, var training):
            files.directory = below(files.directory)
            training.checkpoints = try AwayCheckpoints(training.checkpoints).handOut(as: folder.lastComponent!.string).string
            work = .fineTune(files, training: training)
        case .scoreRange, .scoreAhead, .measure, .rewrite: break
        }
    }
}
