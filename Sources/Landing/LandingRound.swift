package import Arrivals
package import FileSystem
package import Signatures
package import SystemPackage

/// Describes one output that an attempt has written to a staging area.
package struct StagedOutput: Hashable, Sendable {
    package let run: Int64
    package let staged: FilePath
    package let file: OutputFile
    /// The pipeline's output folder, above `target`; the manifest stands in it.
    package let outputRoot: FilePath
    package let target: FilePath
    /// The access of the output, of its manifest, and of the folders that are made for them.
    package let access: FileAccess
    /// The digests of our own earlier outputs that may stand at `target`; a round takes them from what `intend` answers.
    package fileprivate(set) var replaces: [String]
    package let provenance: Provenance

    package init(
        run: Int64, staged: FilePath, file: OutputFile, access: FileAccess = .standard, replaces: [String] = [], provenance: Provenance
    ) {
        self.run = run
        self.staged = staged
        self.file = file
        outputRoot = FilePath(file.root)
        target = file.target
        self.access = access
        self.replaces = replaces
        self.provenance = provenance
    }

    var mark: OutputMark { OutputMark(pipeline: provenance.pipeline, input: provenance.input) }
}

extension OutputFile {
    /// The absolute path of the file.
    package var target: FilePath { FilePath(absolutePath) }
}

/// Says what the ledger answers about one output that is about to be published.
package enum LandingPermission: Hashable, Sendable {
    /// The output may be published. `replacing` has the digest of what we published at the target before, for the same input, and the
    /// digests of what earlier attempts may have left there.
    case publish(replacing: [String])
    /// The output is refused: the target belongs to the output of another input.
    case refuse(owner: String)
}

/// Describes one output that is visible, durable and in its manifest.
package struct LandedOutput: Hashable, Sendable {
    package let run: Int64
    package let file: OutputFile
    /// The stamp of the file under its final name, for a cheap audit.
    package let stamp: FileStamp
    /// Tells whether this round put the file there; false when an earlier attempt to land had done so.
    package let isNew: Bool
}

/// Lists the places between two steps of a round, where a process may die.
package enum LandingStep: Hashable, Sendable {
    /// `intended` is the place after the files are recorded and what was staged is synced.
    case start, intended
    case beforeRename(FilePath)
    case renamed(FilePath)
    case directoriesSynced, manifestAppended

    fileprivate var faultPoint: FaultPoint {
        switch self {
        case .start: .landBegin
        case .intended: .landSynced
        case .beforeRename: .landRename
        case .renamed: .landRenamed
        case .directoriesSynced: .landFolders
        case .manifestAppended: .landListed
        }
    }
}

/// Makes many staged outputs durable and visible together. `begin` starts to sync them; meanwhile the caller records what is about to be
/// published, so that the ledger knows what is coming; `BegunRound.land` renames each file, syncs the directories and appends to the
/// manifests. The caller may then close in the ledger what has landed. An error of one file does not make the others fail.
///
/// Nothing is renamed before both the bytes and the intention are on the disk; the order of these two does not matter. An intention whose
/// bytes are lost in a power failure is detected by its digest, and the run makes them again; bytes without an intention are swept.
package struct LandingRound {
    private let areas: [StagingArea]
    /// The time that is recorded as the time of publication.
    private let now: UTCTime
    /// The key by which lines of manifests are signed.
    private let signer: SigningKey?
    /// The number of files on one file system from which one `syncfs` makes them durable; below it, each gets an `fsync`.
    package var syncfsFrom = Durability.syncfsFrom
    /// Called between steps; an error that it throws stops the round as a crash would.
    package var onStep: (LandingStep) throws -> Void = { _ in }

    package init(areas: [StagingArea], now: UTCTime, signer: SigningKey? = nil) {
        self.signer = signer
        self.areas = areas
        self.now = now
    }

    /// Starts to make the outputs durable, which goes on while the caller records in the ledger what is `ready` to be published. Nothing is
    /// visible before the round lands. Where nothing was recorded, `recover` goes on from here.
    package func begin(_ outputs: [StagedOutput]) throws(FileSystemError) -> BegunRound {
        var work = outputs.map { RoundItem(output: $0) }
        try step(.start)
        refuseDoubles(&work)
        mark(&work)
        return BegunRound(self, work, Durability(areas: areas, syncfsFrom: syncfsFrom))
    }

    /// Makes outputs visible that are durable and recorded.
    /// - Parameter good: the indices in `work` of the outputs that `permissions` are about.
    fileprivate func land(
        _ work: inout [RoundItem], _ good: [Int], _ permissions: [LandingPermission]
    ) throws(FileSystemError) -> [Result<LandedOutput, FileSystemError>] {
        for (index, permission) in zip(good, permissions) where work[index].isGood {
            switch permission {
            case .publish(let replacing): work[index].output.replaces = replacing
            case .refuse(let owner):
                let output = work[index].output
                work[index].failure = .targetOwned(output.target, by: owner, refused: output.provenance.input)
            }
        }
        try step(.intended)

        var touched = Set<FilePath>()
        for index in work.indices where work[index].isGood {
            let target = work[index].output.target
            try step(.beforeRename(target))
            place(&work[index], touched: &touched)
            try step(.renamed(target))
        }
        try finish(&work, touched: touched)
        return work.map(\.result)
    }

    /// Tells what became of an output that the ledger intended when the process died.
    package enum Recovery: Hashable, Sendable {
        /// It is visible, durable and in its manifest, since before or by now; the ledger may close it.
        case landed(LandedOutput)
        /// Nothing is left to publish: the run needs another attempt. What was staged is removed.
        case rerun
        case failed(FileSystemError)
    }

    /// Finishes what an earlier round began. It is safe to repeat it, and to die again at any point. Call it before `StagingArea.sweep`.
    package func recover(_ intended: [StagedOutput]) throws(FileSystemError) -> [Recovery] {
        var work = intended.map { RoundItem(output: $0) }
        var rerun = Set<Int>()
        var touched = Set<FilePath>()
        for index in work.indices {
            do throws(FileSystemError) {
                if try resume(&work[index], touched: &touched) { continue }
                rerun.insert(index)
            } catch {
                work[index].failure = error
            }
        }
        // The process may have died between making a directory and syncing the one above.
        for (index, item) in work.enumerated() where item.isGood && !rerun.contains(index) {
            var directory = item.output.target.removingLastComponent()
            while directory.starts(with: item.output.outputRoot), !directory.isEmpty {
                touched.insert(directory)
                directory = directory.removingLastComponent()
            }
            touched.insert(directory)
        }
        try finish(&work, touched: touched, skipping: rerun, mayBeListed: true)
        return work.enumerated().map { index, item in
            if let failure = item.failure { return .failed(failure) }
            if rerun.contains(index) { return .rerun }
            return item.landed.map { .landed($0) } ?? .rerun
        }
    }

    // MARK: Steps

    private func step(_ step: LandingStep) throws(FileSystemError) {
        FaultPoint.reach(step.faultPoint)
        do { try onStep(step) } catch { throw .ledger(step: "step \(step)", cause: "\(error)") }
    }

    private func refuseDoubles(_ work: inout [RoundItem]) {
        var seen = Set<FilePath>()
        for index in work.indices where !seen.insert(work[index].output.target).inserted {
            work[index].failure = .targetTwice(work[index].output.target)
        }
    }

    /// Gives what is staged the mode and the mark that it is published with.
    private func mark(_ work: inout [RoundItem]) {
        for index in work.indices where work[index].isGood {
            let staged = work[index].output.staged
            do throws(FileSystemError) {
                guard let status = try Disk.status(staged) else { throw .missing(staged) }
                guard status.kind == .regular else { throw .notRegular(staged) }
                try Disk.grant(work[index].output.access, file: staged)
                work[index].output.mark.put(on: staged, digest: work[index].output.file.digest)
            } catch {
                work[index].failure = error
            }
        }
    }

    private func place(_ item: inout RoundItem, touched: inout Set<FilePath>) {
        let directory = item.output.target.removingLastComponent()
        do throws(FileSystemError) {
            // The folder is there when another output of this round was put into it.
            if !touched.contains(directory) {
                touched.formUnion(
                    try Disk.makeDirectories(directory, FolderGrant(access: item.output.access, root: item.output.outputRoot)))
            }
            let result = try Placement.place(
                item.output.staged, at: item.output.target, digest: item.output.file.digest, replaces: item.output.replaces,
                mark: item.output.mark)
            touched.insert(directory)
            item.placed = result
        } catch {
            item.failure = error
        }
    }

    /// Finishes an output that the ledger intended. Returns false when another attempt is needed.
    private func resume(_ item: inout RoundItem, touched: inout Set<FilePath>) throws(FileSystemError) -> Bool {
        let output = item.output
        let digest = output.file.digest
        if let there = try Disk.status(output.target), there.kind == .regular, try FileDigest.of(output.target).digest == digest {
            try Disk.sync(file: output.target)
            // Link and unlink may have been cut between the two; or this was published before and staged again.
            try Disk.remove(output.staged)
            item.placed = .alreadyThere
            return true
        }
        guard let staged = try Disk.status(output.staged), staged.kind == .regular, try FileDigest.of(output.staged).digest == digest else {
            try Disk.removeTree(output.staged)
            return false
        }
        try Disk.grant(output.access, file: output.staged)
        output.mark.put(on: output.staged, digest: digest)
        try Disk.sync(file: output.staged)
        place(&item, touched: &touched)
        return true
    }

    /// Syncs the directories, then appends to the manifests. With `mayBeListed`, an earlier attempt to land may have written the lines
    /// already.
    private func finish(
        _ work: inout [RoundItem], touched: Set<FilePath>, skipping: Set<Int> = [], mayBeListed: Bool = false
    ) throws(FileSystemError) {
        for directory in touched.sorted(by: { $0.string < $1.string }) {
            do throws(FileSystemError) {
                try Disk.sync(directory: directory)
            } catch {
                for index in work.indices where work[index].isGood && work[index].output.target.starts(with: directory) {
                    work[index].failure = error
                }
            }
        }
        try step(.directoriesSynced)
        let ready = work.indices.filter { work[$0].isGood && !skipping.contains($0) }
        let groups = Dictionary(grouping: ready) { [work[$0].output.outputRoot.string, work[$0].output.provenance.pipeline] }
        for indices in groups.values {
            let first = work[indices[0]].output
            do throws(FileSystemError) {
                var lines: [ManifestLine] = []
                for index in indices {
                    guard let status = try Disk.status(work[index].output.target) else {
                        work[index].failure = .missing(work[index].output.target)
                        continue
                    }
                    work[index].stamp = status.stamp
                    lines.append(work[index].manifestLine(publishedAt: now))
                }
                let manifest = Manifest(
                    outputRoot: first.outputRoot, pipeline: first.provenance.pipeline, access: first.access, signer: signer)
                if mayBeListed || indices.contains(where: { work[$0].placed == .alreadyThere }) {
                    try manifest.appendMissing(lines, day: now)
                } else {
                    try manifest.append(lines, day: now)
                }
            } catch {
                for index in indices { work[index].failure = error }
            }
        }
        try step(.manifestAppended)
    }
}

/// A round whose outputs are being made durable, on a thread of libdispatch, until it lands.
package final class BegunRound {
    /// The outputs that can be published, with size and digest. They are to be recorded before any of them is visible.
    package let ready: [StagedOutput]
    private let round: LandingRound
    private let good: [Int]
    private let sync: BackgroundSync

    fileprivate init(_ round: LandingRound, _ work: [RoundItem], _ durability: Durability) {
        self.round = round
        good = work.indices.filter { work[$0].isGood }
        ready = good.map { work[$0].output }
        sync = BackgroundSync(of: work, durability)
    }

    /// Waits for the sync, so that nothing touches what was staged once the round is gone, whether or not it landed.
    deinit { _ = sync.wait() }

    /// Waits for the sync and makes the outputs visible. Returns what became of each output, in the order in which the round began with
    /// them. It is called once.
    /// - Parameter permissions: what the ledger answers for each output of `ready`, in that order.
    package func land(_ permissions: [LandingPermission]) throws(FileSystemError) -> [Result<LandedOutput, FileSystemError>] {
        var work = sync.wait()
        guard !good.isEmpty else { return work.map(\.result) }
        return try round.land(&work, good, permissions)
    }
}

/// Describes one output and its state in a round.
struct RoundItem {
    fileprivate(set) var output: StagedOutput
    var failure: FileSystemError?
    fileprivate var placed: Placement.Result?
    fileprivate var stamp: FileStamp?

    fileprivate init(output: StagedOutput) { self.output = output }

    var isGood: Bool { failure == nil }

    fileprivate var landed: LandedOutput? {
        guard isGood, let placed, let stamp else { return nil }
        return LandedOutput(
            run: output.run, file: output.file, stamp: stamp, isNew: placed != .alreadyThere)
    }

    fileprivate var result: Result<LandedOutput, FileSystemError> {
        if let failure { return .failure(placed == nil ? failure : .unfinished(output.target, why: failure)) }
        return landed.map { .success($0) } ?? .failure(.missing(output.target))
    }

    fileprivate func manifestLine(publishedAt time: UTCTime) -> ManifestLine {
        let provenance = output.provenance
        return ManifestLine(
            path: output.file.path, outputDigest: output.file.digest, bytes: output.file.byteCount, rows: provenance.rows,
            pipeline: provenance.pipeline,
            input: provenance.input, inputDigest: provenance.inputDigest, modelVersion: provenance.modelVersion,
            modelDigest: provenance.modelDigest, revision: provenance.revision, arrival: provenance.arrival, run: output.run,
            publishedAt: time.description, execution: provenance.execution, pins: provenance.pins)
    }
}
