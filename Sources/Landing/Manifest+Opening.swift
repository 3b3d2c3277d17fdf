import Arrivals
import FileSystem
import Glibc
import SystemPackage

extension Manifest {
    /// The time for which a manifest may be locked: another daemon that publishes into the same root writes some lines and syncs them.
    static let lockPatience: Duration = .seconds(5)

    /// Opens the file of a day, which is made where there is none, and takes its lock. The caller closes it.
    ///
    /// A daemon that hangs, and whose epoch is over, may have the lock for ever. Then the file is replaced by a copy: what that daemon still
    /// writes goes into a file that has no name any more.
    static func openLocked(_ path: FilePath, _ access: FileAccess, within patience: Duration = lockPatience) throws(FileSystemError)
        -> (descriptor: FileDescriptor, isNew: Bool)
    {
        while true {
            let isNew = try Disk.status(path) == nil
            let descriptor = try Disk.open(path, .readWrite, [.create, .append, .noFollow], doing: "open the manifest")
            do throws(FileSystemError) {
                if isNew { try Disk.grant(access, file: path) }
                if waitForLock(descriptor, within: patience) {
                    // Somebody may have replaced the file meanwhile.
                    if try isStill(descriptor, path) { return (descriptor, isNew) }
                } else {
                    try replace(path, access)
                }
            } catch {
                Disk.close(descriptor)
                throw error
            }
            Disk.close(descriptor)
        }
    }

    /// Returns whether an open file is the one of that name.
    static func isStill(_ descriptor: FileDescriptor, _ path: FilePath) throws(FileSystemError) -> Bool {
        let own = try Disk.status(descriptor, path).stamp, there = try Disk.status(path)?.stamp
        return own.device == there?.device && own.inode == there?.inode
    }

    private static func waitForLock(_ descriptor: FileDescriptor, within patience: Duration) -> Bool {
        let end = ContinuousClock.now + patience
        while !Disk.tryLock(descriptor) {
            guard ContinuousClock.now < end else { return false }
            usleep(2000)
        }
        return true
    }

    private static func replace(_ path: FilePath, _ access: FileAccess) throws(FileSystemError) {
        let staged = path.removingLastComponent().appending(".\(path.lastComponent?.string ?? "manifest").copy")
        try Disk.removeTree(staged)
        try Disk.copy(path, to: staged)
        try Disk.grant(access, file: staged)
        try Disk.replaceOurs(path, by: staged)
    }
}
