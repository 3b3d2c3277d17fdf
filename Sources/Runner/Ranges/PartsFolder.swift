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
    /// The open folder, where it is another's; nil where it is this attempt's own.
    private let held: FileDescriptor?
    private let claims: FileDescriptor

    /// Opens the folder.
    /// - Parameter isOwn: whether it is the folder of the run that this attempt is one of, so that it is made where it is missing. A folder of
    ///   others must be there, and may get another name meanwhile, so it is held open and named by its descriptor.
    init(_ path: String, isOwn: Bool = true) throws(FileSystemError) {
        var own = FilePath(path)
        var held: FileDescriptor?
        if isOwn {
            if !Disk.isDirectory(own) { _ = try Disk.makeDirectories(own) }
        } else {
            let folder = try Disk.open(own, .readOnly, .directory, doing: "open the folder of parts")
            held = folder
            own = FilePath("/proc/self/fd/\(folder.rawValue)")
        }
        do throws(FileSystemError) {
            claims = try Disk.open(own.appending("claims"), .readWrite, [.create, .noFollow], doing: "claim a range")
        } catch {
            if let held { Disk.close(held) }
            throw error
        }
        self.path = own
        self.held = held
    }

    deinit {
        Disk.close(claims)
        if let held { Disk.close(held) }
    }

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

    /// Returns the path of the part of a range.
    func part(_ range: Int) -> String { path.appending("\(range).part").string }
    /// Returns the path at which the part is written.
    func stagedPart(_ range: Int) -> String { path.appending("\(range).new").string }
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
