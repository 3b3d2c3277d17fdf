import Attempts
import Columnar
import FileSystem
import Foundation
import Glibc
import SystemPackage

/// Manages the folder in which the attempts of one run leave the parts of a large file that they have scored: `plan.json`, and a part for
/// each range.
///
/// Several processes work on it at a time. A range is claimed by a lock of the kernel on a byte of the file `claims`, which goes with the
/// process that has it. A part has its name once it is whole.
final class PartsFolder {
    private let path: FilePath
    private let files: any AttemptFiles
    /// The open folder, where it is another's; nil where it is this attempt's own.
    private let held: HeldFolder?
    private let claims: FileDescriptor

    /// Opens the folder.
    /// - Parameters:
    ///   - files: opens the files of the folder.
    ///   - isOwn: whether it is the folder of the run that this attempt is one of, so that it is made where it is missing. A folder of
    ///     others must be there, and may get another name meanwhile, so it is held open and named by its descriptor.
    init(_ path: String, _ files: any AttemptFiles, isOwn: Bool = true) throws(FileSystemError) {
        let held = isOwn ? nil : try HeldFolder(FilePath(path))
        self.path = held?.path ?? FilePath(path)
        self.held = held
        self.files = files
        claims = try files.open(.claims)
    }

    deinit { Disk.close(claims) }

    // MARK: The plan

    private var planPath: FilePath { path.appending("plan.json") }

    /// Returns the plan for one of those subjects; nil where there is none, or one for another subject.
    func plan(for subjects: [String]) -> ScoringPlan? {
        guard let plan = try? JSONFile.decode(ScoringPlan.self, from: planPath), subjects.contains(plan.subject), plan.boot == Self.boot
        else { return nil }
        return plan
    }

    /// Records the plan, so that other processes know it.
    /// - Parameter ranges: the places where the file is cut; the attempt reports `columns` and `types` in its answer.
    func plan(
        _ ranges: RangePlan, for subject: String, columns: [String: [String]] = [:], types: [String: String] = [:]
    ) throws(FileSystemError) -> ScoringPlan {
        let plan = ScoringPlan(subject: subject, boot: Self.boot, ranges: ranges, columns: columns, types: types)
        let staged = path.appending("plan.new")
        try JSONFile.write(JSONFile.encode(plan, for: planPath), to: staged)
        try Disk.replaceOurs(planPath, by: staged)
        return plan
    }

    private static let boot = Boot.id ?? ""

    /// Runs `body`, which makes a plan, while nobody else does: of two attempts that make one at the same time, each would remove the parts
    /// of the other.
    func planning<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        while !LinuxCalls.lockByte(Self.planByte, of: claims) { usleep(1000) }
        defer { LinuxCalls.unlockByte(Self.planByte, of: claims) }
        return try body()
    }

    /// The byte that is locked for planning, which is behind the bytes of all ranges.
    private static let planByte = 1 << 40

    /// Removes all parts, and the plan that they belong to.
    func clear() throws(FileSystemError) {
        for name in try Disk.names(in: path) where name.string != "claims" { try Disk.remove(path.appending(name)) }
    }

    // MARK: Parts

    /// Returns the name of the part of a range.
    static func name(_ range: Int) -> String { "\(range).part" }
    /// Returns the name that the part has while it is written.
    static func stagedName(_ range: Int) -> String { "\(range).new" }

    private func part(_ range: Int) -> String { path.appending(Self.name(range)).string }
    private func stagedPart(_ range: Int) -> String { path.appending(Self.stagedName(range)).string }

    /// Begins the part of a range. What is there of it is overwritten.
    func makePart(_ range: Int) throws(ColumnarError) -> PartWriter {
        let path = stagedPart(range)
        let file: FileDescriptor
        do throws(FileSystemError) { file = try files.open(.newPart(range)) } catch { throw ColumnarError(opening: error, path) }
        return try PartWriter(path: path, open: file.rawValue)
    }

    /// Returns the part of a range; nil where it was cut off.
    func completePart(_ range: Int) throws(ColumnarError) -> PartReader? {
        let path = part(range)
        guard let file = try? files.open(.part(range)) else { return nil }
        guard PartReader.isComplete(path: path, open: file.rawValue) else {
            Disk.close(file)
            return nil
        }
        return try PartReader(path: path, open: file.rawValue)
    }

    func isFinished(_ range: Int) -> Bool { access(part(range), F_OK) == 0 }

    /// Gives a part that is whole its name. It must survive the process, but not a stop of the machine: a part whose bytes a stopped
    /// machine has lost is not accepted when it is read.
    func finish(_ range: Int) throws(FileSystemError) {
        if rename(stagedPart(range), part(range)) != 0 {
            throw .system(doing: "finish a part", path: FilePath(part(range)), errno: Errno(rawValue: errno))
        }
    }

    func remove(_ range: Int) throws(FileSystemError) { try Disk.remove(FilePath(part(range))) }

    // MARK: Claims

    /// Returns whether the range is now this object's to score.
    func claim(_ range: Int) -> Bool { LinuxCalls.lockByte(range, of: claims) }
    func release(_ range: Int) { LinuxCalls.unlockByte(range, of: claims) }
    /// Returns whether somebody else scores the range.
    func isClaimed(_ range: Int) -> Bool { LinuxCalls.isByteLocked(range, of: claims) }
}
