import Arrivals
import Attempts
import Columnar
import Engine
import FileSystem
import Foundation
import Glibc
import Machine
import PipelineConfig
import Reasons
import Recipes

/// Executes the forward stage over a large file, which is cut into ranges of rows. Each is scored into a part; the output is made of the
/// parts, in order, while later ones are still being scored, here or by others that help (`scoreOneRange`). Scored parts outlive the
/// process.
///
/// Where a range fails, or contradicts what the first rows say about the columns, the file is scored in one go instead, so that a refusal
/// has the same words as for any file.
struct RangedPass {
    private let tools: AttemptTools
    private let files: AttemptSpec.ScoringFiles
    private let stage: ForwardStage
    private let folder: PartsFolder
    /// The digests of the subjects whose plans it takes; its own plans are for the first.
    private let subjects: [String]
    private let rangeBytes: Int?

    /// The pause, in microseconds, between two looks for a part that another process makes.
    private static let tick: UInt32 = 2000

    init(
        _ tools: AttemptTools, _ files: AttemptSpec.ScoringFiles, _ stage: ForwardStage, parts: String, rangeBytes: Int?
    ) throws(Failure) {
        self.tools = tools
        self.files = files
        self.stage = stage
        self.rangeBytes = rangeBytes
        do throws(FileSystemError) {
            folder = try PartsFolder(tools.opener.folder(.parts))
            subjects = try ScoringSubject.digests(tools.spec, files, tools.spec.engine.name.machine)
        } catch {
            throw Failure(landing: error, place: parts)
        }
    }

    // MARK: The whole file

    /// - Returns: false where the file must be scored in one go.
    func run(_ result: inout AttemptResult) throws(Failure) -> Bool {
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        let known = folder.plan(for: subjects)
        if let known, known.isInOneGo { return false }
        let model = try load(&phases)
        let input = try phases.time("read") { () throws(Failure) in try opened() }
        let plan: ScoringPlan
        if let known { plan = known } else { plan = try phases.time("read") { () throws(Failure) in try planned(model, input) } }
        guard !plan.isInOneGo else { return false }
        let scoring = RangeScoring(tools.spec, files, stage, model, plan.ranges.known, tools.interruption)
        let output = AttemptOutput(files.output, tools.opener)
        let writer = scoring.writer(of: output)
        var rowCount = 0
        FaultPoint.reach(.rangePlanned)
        let queue = RangeQueue(folder, count: plan.ranges.ranges.count)
        var next = 0
        var offered = 0
        while next < queue.count {
            try tools.interruption.check()
            // The number of open ranges is sent again after each range that was done here, because a worker that could not help has
            // stopped.
            let open = queue.open(from: next)
            if open != offered { control.offer(open) }
            offered = open
            if queue.isFinished(next) {
                guard let rows = try phases.time("write", { () throws(Failure) in try append(next, to: writer) }) else {
                    try onDisk { () throws(FileSystemError) in try queue.remove(next) }
                    continue
                }
                rowCount += rows
                next += 1
                FaultPoint.reach(.rangeAppended)
            } else if let range = queue.claim(from: next) {
                defer { folder.release(range) }
                guard try score(range, plan, scoring, input, &phases) else { return try leaveToOneGo() }
                offered = -1
            } else {
                // Others score the rest.
                usleep(Self.tick)
            }
        }
        guard rowCount > 0 else { return try leaveToOneGo() }
        try phases.time("write") { () throws(Failure) in
            do throws(ColumnarError) { _ = try writer.finish() } catch { throw Failure(writing: error, file: input.path) }
        }
        try input.verifyUnchanged()
        result.columns = plan.columns
        result.types = plan.types
        result.absentColumns = plan.absentColumns
        result.rowCount = Int64(rowCount)
        result.files = [try phases.time("hash") { () throws(Failure) in try output.written() }]
        return true
    }

    /// Scores the first range that nobody has begun into its part. `rowCount` of the answer is nil where there is no such range.
    func scoreOneRange(_ result: inout AttemptResult) throws(Failure) {
        var phases = Phases()
        defer { result.timings.merge(phases.seconds) { $0 + $1 } }
        if let piece = files.piece { return try score(piece, &result, &phases) }
        guard let plan = try planOfOthers(&phases), !plan.isInOneGo,
            let range = RangeQueue(folder, count: plan.ranges.ranges.count).claim(from: 0)
        else { return }
        defer { folder.release(range) }
        let scoring = RangeScoring(tools.spec, files, stage, try load(&phases), plan.ranges.known, tools.interruption)
        let input = try phases.time("read") { () throws(Failure) in try opened() }
        if try score(range, plan, scoring, input, &phases) { result.rowCount = Int64(scoring.rowCount) }
    }

    /// Scores the range that the daemon has chosen into a part of its own name. The daemon has it taken over: another machine may still write
    /// the same range.
    private func score(
        _ piece: AttemptSpec.ScoringFiles.RangePiece, _ result: inout AttemptResult, _ phases: inout Phases
    ) throws(Failure) {
        guard let plan = folder.planOfOtherMachine(for: subjects), plan.ranges.ranges.indices.contains(piece.range) else { return }
        let scoring = RangeScoring(tools.spec, files, stage, try load(&phases), plan.ranges.known, tools.interruption)
        let input = try phases.time("read") { () throws(Failure) in try opened() }
        try scoring.score(plan.ranges.ranges[piece.range], of: input, intoPart: piece.range, as: piece.name, of: folder, &phases)
        try input.verifyUnchanged()
        let written = try phases.time("hash") { () throws(Failure) in
            try onDisk { () throws(FileSystemError) in try folder.written(piece.name) }
        }
        result.files = [
            .init(
                slot: AttemptResult.Slot.part.rawValue, path: files.piecePath ?? piece.name, digest: written.digest,
                byteCount: written.stamp.size)
        ]
        result.rowCount = Int64(scoring.rowCount)
    }

    /// Returns the plan by which others score the file; nil where there is none. Of a file that has no run yet, whoever comes first makes
    /// it.
    private func planOfOthers(_ phases: inout Phases) throws(Failure) -> ScoringPlan? {
        if let plan = folder.plan(for: subjects) { return plan }
        guard case .scoreAhead = tools.spec.work else { return nil }
        let (model, input) = (try load(&phases), try opened())
        return try phases.time("read") { () throws(Failure) in
            let plan = try planned(model, input)
            try input.verifyUnchanged()
            return plan
        }
    }

    // MARK: Steps

    private func load(_ phases: inout Phases) throws(Failure) -> LoadedModel {
        try phases.time("load") { () throws(Failure) in
            try tools.models.load(files.model, tools.opener.model(of: files), tools.spec.sessionOptions, tools.interruption)
        }
    }

    private func opened() throws(Failure) -> OpenedInput { try OpenedInput(files.data, as: .data, control.data, from: tools.opener) }

    /// Returns the plan that another attempt of the run has made meanwhile, or makes it.
    private func planned(_ model: LoadedModel, _ input: OpenedInput) throws(Failure) -> ScoringPlan {
        try folder.planning { () throws(Failure) in
            if let made = folder.plan(for: subjects) { return made }
            return try makePlan(model, input)
        }
    }

    private func makePlan(_ model: LoadedModel, _ input: OpenedInput) throws(Failure) -> ScoringPlan {
        let rows = try Rows(
            input, model, tools.spec.schema, stage, pinned: tools.spec.columns, typing: .inferred(pinned: tools.spec.types, rejected: [:]))
        let ranges: RangePlan
        do throws(Failure) { ranges = try rows.rangePlan(byteCount: rangeBytes) } catch  where error.kind == .badInput { ranges = .whole }
        return try onDisk { () throws(FileSystemError) in
            try folder.clear()
            return try folder.plan(
                ranges, for: subjects[0], columns: rows.columnsInFileOrder, types: rows.foundTypes, absentColumns: rows.absentColumns)
        }
    }

    /// Scores a range, which is claimed, into its part.
    /// - Returns: false where the file must be scored in one go.
    private func score(
        _ range: Int, _ plan: ScoringPlan, _ scoring: RangeScoring, _ input: OpenedInput, _ phases: inout Phases
    ) throws(Failure) -> Bool {
        do throws(Failure) {
            try scoring.score(plan.ranges.ranges[range], of: input, intoPart: range, of: folder, &phases)
        } catch  where error.kind == .badInput || error.kind == .badModel {
            // A file that is being rewritten looks like a bad one.
            try input.verifyUnchanged()
            return false
        }
        try input.verifyUnchanged()
        FaultPoint.reach(.rangeScored)
        try onDisk { () throws(FileSystemError) in try folder.finish(range) }
        FaultPoint.reach(.rangeFinished)
        return true
    }

    /// Appends a part to the output.
    /// - Returns: the number of its rows; nil where it was cut off.
    private func append(_ range: Int, to output: OutputWriter) throws(Failure) -> Int? {
        do throws(ColumnarError) {
            guard let part = try folder.completePart(range) else { return nil }
            while let batch = try part.next() {
                control.step()
                try output.append(batch)
            }
            return part.rowCount
        } catch {
            throw Failure(writing: error, file: files.data.path)
        }
    }

    private var control: AttemptControl { tools.interruption.control }

    private func leaveToOneGo() throws(Failure) -> Bool {
        control.offer(0)
        return try onDisk { () throws(FileSystemError) in
            try folder.clear()
            _ = try folder.plan(.whole, for: subjects[0])
            return false
        }
    }

    private func onDisk<Result>(_ body: () throws(FileSystemError) -> Result) throws(Failure) -> Result {
        do throws(FileSystemError) { return try body() } catch { throw Failure(landing: error, place: files.data.path) }
    }
}
