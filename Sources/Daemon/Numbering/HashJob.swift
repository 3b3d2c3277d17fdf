package import Arrivals
import Attempts
import FileSystem
import Landing
import Ledger
import PipelineConfig
import Reasons
import Synchronization
import SystemPackage
import Watcher

/// Reads one complete file before it gets its number, piece by piece, by one thread at a time.
package final class HashJob: @unchecked Sendable {
    let file: CompleteFile
    let route: Intake.Route
    private let cancelled = Atomic(false)

    enum Stage {
        case hashing
        case read(ArrivedFile)
        case dropped
    }

    // Only the thread that numbers uses these.
    var stage = Stage.hashing
    /// Tells whether what was complete after it in its pipeline gets its numbers after it.
    var isInLane = false

    // Only the thread that has the job uses these.
    /// Tells whether others know that it is being read.
    var isTold = false
    private let access: SpoolAccess
    private let contents: SmallContents?
    /// The file and then its companions: each with its name relative to the file's folder, and its path in the spool.
    private let parts: [(name: String, path: FilePath)]
    private var digested: [FileDigest.Digested] = []
    private var current: (descriptor: FileDescriptor, hashing: FileHashing)?
    /// Says why the file is not admitted, once it has been read; nil where it is.
    private(set) var distrust: Explanation?
    /// The number of bytes in parts that are done.
    private var bytesBefore: Int64 = 0

    /// - Parameter contents: takes the content of a small file of data.
    init(_ file: CompleteFile, _ route: Intake.Route, contents: SmallContents?) {
        self.file = file
        self.contents = route.role == .data ? contents : nil
        self.route = route
        access = SpoolAccess(root: FilePath(route.folder))
        let own = FilePath(file.place.path)
        let folder = own.removingLastComponent()
        parts =
            [(own.lastComponent?.string ?? "", own)]
            + file.companions.map { companion in
                var relative = FilePath(companion)
                if !folder.isEmpty { _ = relative.removePrefix(folder) }
                return (relative.string, FilePath(companion))
            }
    }

    deinit { close() }

    package var place: SpoolPlace { file.place }
    var hashingKey: Condition.Key { .init(.hashing, pipeline: pipeline, subject: file.place.path) }
    var unreadableKey: Condition.Key { .init(.unreadable, pipeline: pipeline, subject: file.place.path) }
    var pipeline: String { route.pipeline.name }
    var size: Int64 { file.stamp.size }
    /// Tells whether ranges of the file may be scored while it is read.
    var mayBeScoredAhead: Bool { route.role == .data && size >= AttemptSpec.ScoringFiles.leastRanged }
    /// The number of bytes that have been read so far.
    var readCount: Int64 { bytesBefore + (current?.hashing.offset ?? 0) }

    /// Has the reading end, since the file has changed or gone: nobody needs its digest any more.
    func cancel() { cancelled.store(true, ordering: .relaxed) }
    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// Reads about `budget` more bytes. Returns nil while there are more; throws `changedWhileRead` where the file is not the one any more
    /// that was found complete.
    func advance(by budget: Int64, _ ledger: RunLedger) throws(FileSystemError) -> ArrivedFile? {
        let end = readCount + max(budget, 1)
        do throws(FileSystemError) {
            while digested.count < parts.count {
                if try !advancePart(by: end - readCount, ledger) { return nil }
            }
            return try arriving()
        } catch {
            // Where it is tried again, it starts from the beginning.
            close()
            digested = []
            bytesBefore = 0
            throw error
        }
    }

    /// Reads about `budget` more bytes of the part that comes next. Returns whether that part is done.
    private func advancePart(by budget: Int64, _ ledger: RunLedger) throws(FileSystemError) -> Bool {
        let part = parts[digested.count]
        if current == nil {
            let descriptor = try access.open(part.path)
            do throws(FileSystemError) {
                let keptBytes = contents == nil ? 0 : SmallContents.largest
                current = (descriptor, try FileHashing(descriptor, named: access.root.pushing(part.path), keptBytes: keptBytes))
            } catch {
                try? descriptor.close()
                throw error
            }
        }
        let stamp = current!.hashing.stamp
        // The ledger knows the digest of a large file that only got a new name, or that was numbered before.
        if current!.hashing.offset == 0, digested.count > 0 || parts.count == 1, let known = try? ledger.knownDigest(stamp) {
            finish(.init(digest: known, stamp: stamp))
            return true
        }
        guard let found = try current!.hashing.advance(by: budget) else { return false }
        if let content = current!.hashing.content { contents?.keep(content, digest: found.digest) }
        finish(found)
        return true
    }

    private func finish(_ found: FileDigest.Digested) {
        digested.append(found)
        bytesBefore += found.stamp.size
        close()
    }

    private func close() {
        try? current?.descriptor.close()
        current = nil
    }

    private func arriving() throws(FileSystemError) -> ArrivedFile {
        guard FileStamp.whole(digested.map(\.stamp)) == file.stamp else {
            throw .changedWhileRead(access.root.pushing(FilePath(file.place.path)))
        }
        let companions = zip(parts, digested).dropFirst().map { part, file in
            Companion(path: part.name, digest: file.digest, stamp: file.stamp)
        }
        if let signers = route.signers {
            distrust = try SignatureJudge(signers).distrust(of: file, access, digest: digested[0].digest, companions: companions)
        }
        let key =
            route.role == .data
            ? try? route.pipeline.land.outputs?.keyNaming.path(for: file.place.path, facts: .none) : nil
        return ArrivedFile(
            place,
            digest: FileDigest.ofModel(digest: digested[0].digest, companions: companions.map { (name: $0.path, digest: $0.digest) }),
            stamp: file.stamp, companions: Array(companions), outputKey: key, settledBy: file.settledBy.rawValue)
    }
}

/// Holds what came of a job.
package struct Hashed: Sendable {
    let job: HashJob
    let result: Result<ArrivedFile, FileSystemError>
}
