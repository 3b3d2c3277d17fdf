import Attempts
import Columnar
import FileSystem
import Glibc
import SystemPackage

/// Manages the folder in which the attempts of one run leave the parts of a large file that they have scored: `plan.json`, and a part for
/// each range.
///
/// Several processes work on it at a time. A range is claimed by a lock of the kernel on its byte of the file `claims`, which goes with the
/// process that has it. A part has its name once it is whole, and then the byte says so: whoever looks for a range to score looks at dozens
/// of them, and to look for names costs a question to the daemon each.
final class PartsFolder {
    private let folder: any GivenFolder
    private let claims: FileDescriptor
    private var claimsPath: FilePath { folder.path(of: Self.claimsName) }

    private static let claimsName = "claims"

    init(_ folder: any GivenFolder) throws(FileSystemError) {
        self.folder = folder
        claims = try folder.create(Self.claimsName, .kept)
    }

    deinit { Disk.close(claims) }

    // MARK: The plan

    private static let plan = "plan.json"

    /// Returns the plan for one of those subjects; nil where there is none, or one for another subject.
    func plan(for subjects: [String]) -> ScoringPlan? {
        guard let plan = try? folder.decode(ScoringPlan.self, from: Self.plan), subjects.contains(plan.subject), plan.boot == Self.boot
        else { return nil }
        return plan
    }

    /// Records the plan, so that other processes know it.
    /// - Parameter ranges: the places where the file is cut; the attempt reports the rest in its answer.
    func plan(
        _ ranges: RangePlan, for subject: String, columns: [String: [String]] = [:], types: [String: String] = [:],
        absentColumns: [String] = []
    ) throws(FileSystemError) -> ScoringPlan {
        let plan = ScoringPlan(
            subject: subject, boot: Self.boot, ranges: ranges, columns: columns, types: types, absentColumns: absentColumns)
        try folder.write(JSONFile.encode(plan, for: folder.path(of: Self.plan)), to: "plan.new")
        try folder.replace(Self.plan, by: "plan.new")
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
        try Disk.truncate(claims, to: 0, claimsPath)
        for name in try folder.names() where name != Self.claimsName { try folder.remove(name) }
    }

    // MARK: Parts

    private func name(_ range: Int) -> String { "\(range).part" }
    /// Returns the name that the part has while it is written.
    private func stagedName(_ range: Int) -> String { "\(range).new" }

    /// Begins the part of a range. What is there of it is overwritten.
    func makePart(_ range: Int) throws(ColumnarError) -> PartWriter {
        let path = folder.path(of: stagedName(range)).string
        let file: FileDescriptor
        do throws(FileSystemError) { file = try folder.create(stagedName(range), .emptied) } catch {
            throw ColumnarError(opening: error, path)
        }
        return try PartWriter(path: path, open: file.rawValue)
    }

    /// Returns the part of a range; nil where it was cut off.
    func completePart(_ range: Int) throws(ColumnarError) -> PartReader? {
        let path = folder.path(of: name(range)).string
        guard let file = try? folder.open(name(range)) else { return nil }
        guard PartReader.isComplete(path: path, open: file.rawValue) else {
            Disk.close(file)
            return nil
        }
        return try PartReader(path: path, open: file.rawValue)
    }

    /// Returns whether a whole part is said to be there. A process that dies before it says so has scored the range in vain.
    func isFinished(_ range: Int) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { byte in
            guard let count = try? Disk.read(claims, at: Int64(range), into: byte, claimsPath) else { return false }
            return count == 1 && byte[0] == Self.finishedMark
        }
    }

    /// Gives a part that is whole its name. It must survive the process, but not a stop of the machine: a part whose bytes a stopped
    /// machine has lost is not accepted when it is read.
    func finish(_ range: Int) throws(FileSystemError) {
        try folder.rename(stagedName(range), to: name(range))
        try mark(range, Self.finishedMark)
    }

    func remove(_ range: Int) throws(FileSystemError) {
        try mark(range, 0)
        try folder.remove(name(range))
    }

    private static let finishedMark: UInt8 = 1

    private func mark(_ range: Int, _ mark: UInt8) throws(FileSystemError) {
        try Disk.write(mark, to: claims, at: Int64(range), claimsPath)
    }

    // MARK: Claims

    /// Returns whether the range is now this object's to score.
    func claim(_ range: Int) -> Bool { LinuxCalls.lockByte(range, of: claims) }
    func release(_ range: Int) { LinuxCalls.unlockByte(range, of: claims) }
    /// Returns whether somebody else scores the range.
    func isClaimed(_ range: Int) -> Bool { LinuxCalls.isByteLocked(range, of: claims) }
}
