package import FileSystem
import Machine
package import SystemPackage

/// Says who scores which range of a large file, in the file `claims` of the folder of its parts. A range is claimed by a lock of the kernel
/// on its byte, which goes with the process that has it; once its part is whole, the byte says so.
package final class RangeClaims: Sendable {
    package static let fileName = "claims"
    /// The name of the plan beside it, which says where the file is cut.
    package static let planName = "plan.json"
    private static let finishedMark: UInt8 = 1

    private let file: FileDescriptor
    private let path: FilePath

    /// - Parameter file: the open file, which this object closes.
    package init(_ file: FileDescriptor, _ path: FilePath) {
        self.file = file
        self.path = path
    }

    deinit { Disk.close(file) }

    /// Returns whether the range is now this object's to score.
    package func claim(_ range: Int) -> Bool { LinuxCalls.lockByte(range, of: file) }
    package func release(_ range: Int) { LinuxCalls.unlockByte(range, of: file) }
    /// Returns whether somebody else scores the range.
    package func isClaimed(_ range: Int) -> Bool { LinuxCalls.isByteLocked(range, of: file) }

    /// Returns whether a whole part is said to be there. A process that dies before it says so has scored the range in vain.
    package func isFinished(_ range: Int) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { byte in
            guard let count = try? Disk.read(file, at: Int64(range), into: byte, path) else { return false }
            return count == 1 && byte[0] == Self.finishedMark
        }
    }

    package func mark(_ range: Int, isFinished: Bool) throws(FileSystemError) {
        try Disk.write(isFinished ? Self.finishedMark : 0, to: file, at: Int64(range), path)
    }

    /// Forgets which ranges are finished.
    package func clear() throws(FileSystemError) { try Disk.truncate(file, to: 0, path) }

    /// Returns the name of the part of a range.
    package static func partName(_ range: Int) -> String { "\(range).part" }
    /// Returns the name that the part has while it is written.
    package static func stagedName(_ range: Int) -> String { "\(range).new" }
}
