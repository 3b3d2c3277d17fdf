import Attempts
import Columnar
import FileSystem
import Glibc
import SystemPackage

/// Manages the folder in which the attempts of one run leave the parts of a large file that they have scored: `plan.json`, and a part for
/// each range.
///
/// Several processes work on it at a time, and `RangeClaims` says which has which range. A part has its name once it is whole, and then the
/// claims say so: whoever looks for a range to score looks at dozens of them, and to look for names costs a question to the daemon each.
final class PartsFolder {
    private let folder: any GivenFolder
    private let claims: RangeClaims

    init(_ folder: any GivenFolder) throws(FileSystemError) {
        self.folder = folder
        claims = RangeClaims(try folder.create(RangeClaims.fileName, .kept), folder.path(of: RangeClaims.fileName))
    }

    // MARK: The plan

    /// Returns the plan for one of those subjects; nil where there is none, or one for another subject.
    func plan(for subjects: [String]) -> ScoringPlan? {
        guard let plan = planOfOtherMachine(for: subjects), plan.boot == Self.boot else { return nil }
        return plan
    }

    /// Returns the plan for one of those subjects that another machine has made, which works on the file now.
    func planOfOtherMachine(for subjects: [String]) -> ScoringPlan? {
        guard let plan = try? folder.decode(ScoringPlan.self, from: RangeClaims.planName), subjects.contains(plan.subject) else {
            return nil
        }
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
        try folder.write(JSONFile.encode(plan, for: folder.path(of: RangeClaims.planName)), to: "plan.new")
        try folder.replace(RangeClaims.planName, by: "plan.new")
        return plan
    }

    private static let boot = Boot.id ?? ""

    /// Runs `body`, which makes a plan, while nobody else does: of two attempts that make one at the same time, each would remove the parts
    /// of the other.
    func planning<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        while !claims.claim(Self.planByte) { usleep(1000) }
        defer { claims.release(Self.planByte) }
        return try body()
    }

    /// The byte that is locked for planning, which is behind the bytes of all ranges.
    private static let planByte = 1 << 40

    /// Removes all parts, and the plan that they belong to.
    func clear() throws(FileSystemError) {
        try claims.clear()
        for name in try folder.names() where name != RangeClaims.fileName { try folder.remove(name) }
    }

    // MARK: Parts

    /// Begins the part of a range. What is there of it is overwritten.
    /// - Parameter name: the name that the part has while it is written; nil for the usual one.
    func makePart(_ range: Int, as name: String? = nil) throws(ColumnarError) -> PartWriter {
        let name = name ?? RangeClaims.stagedName(range)
        let path = folder.path(of: name).string
        let file: FileDescriptor
        do throws(FileSystemError) { file = try folder.create(name, .emptied) } catch {
            throw ColumnarError(opening: error, path)
        }
        return try PartWriter(path: path, open: file.rawValue)
    }

    /// Returns the part of a range; nil where it was cut off.
    func completePart(_ range: Int) throws(ColumnarError) -> PartReader? {
        let path = folder.path(of: RangeClaims.partName(range)).string
        guard let file = try? folder.open(RangeClaims.partName(range)) else { return nil }
        guard PartReader.isComplete(path: path, open: file.rawValue) else {
            Disk.close(file)
            return nil
        }
        return try PartReader(path: path, open: file.rawValue)
    }

    func isFinished(_ range: Int) -> Bool { claims.isFinished(range) }

    /// Returns the digest and the size of a part that was written under a name of its own.
    func written(_ name: String) throws(FileSystemError) -> FileDigest.Digested {
        let file = try folder.open(name)
        defer { Disk.close(file) }
        return try FileDigest.of(file, named: folder.path(of: name))
    }

    /// Gives a part that is whole its name. It must survive the process, but not a stop of the machine: a part whose bytes a stopped
    /// machine has lost is not accepted when it is read.
    func finish(_ range: Int) throws(FileSystemError) {
        try folder.rename(RangeClaims.stagedName(range), to: RangeClaims.partName(range))
        try claims.mark(range, isFinished: true)
    }

    func remove(_ range: Int) throws(FileSystemError) {
        try claims.mark(range, isFinished: false)
        try folder.remove(RangeClaims.partName(range))
    }

    // MARK: Claims

    func claim(_ range: Int) -> Bool { claims.claim(range) }
    func release(_ range: Int) { claims.release(range) }
    func isClaimed(_ range: Int) -> Bool { claims.isClaimed(range) }
}
