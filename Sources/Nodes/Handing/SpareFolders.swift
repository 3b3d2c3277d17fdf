import FileSystem
import Landing
import Synchronization
import SystemPackage

/// Keeps empty folders of hand-outs that were answered, for the next ones: a file system takes longer to make a folder than all else that
/// handing out a small attempt takes (0.1 to 0.8 ms on ext4).
final class SpareFolders: Sendable {
    private struct State {
        /// The folders that are kept, by the staging folder that they are in.
        var kept: [FilePath: [FilePath]] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// The most folders that are kept in one staging folder.
    private static let most = 16

    /// Makes an empty folder in a staging folder, of one that is kept if there is one.
    func make(_ folder: FilePath) throws(FileSystemError) {
        let spare = state.withLock { $0.kept[folder.removingLastComponent()]?.popLast() }
        // One that is gone, as after a cleaning by hand, is of no use.
        if let spare, Disk.renameReplacing(spare, folder) == nil { return }
        try Disk.makeDirectories(folder)
    }

    /// Takes a folder in which nobody writes any more, and removes what is left in it.
    func keep(_ folder: FilePath) {
        let staging = folder.removingLastComponent()
        let spare = staging.appending(StagingArea.spareName(folder.lastComponent?.string ?? ""))
        do throws(FileSystemError) {
            for name in try Disk.names(in: folder) { try Disk.removeTree(folder.appending(name)) }
            guard Disk.renameReplacing(folder, spare) == nil else { return try Disk.removeTree(folder) }
        } catch {
            return
        }
        let isKept = state.withLock { state in
            guard !state.isClosed, state.kept[staging, default: []].count < Self.most else { return false }
            state.kept[staging, default: []].append(spare)
            return true
        }
        if !isKept { try? Disk.removeTree(spare) }
    }

    /// Removes the folders that are kept, and keeps none from now on.
    func close() {
        let kept = state.withLock { state in
            defer { state = State(isClosed: true) }
            return state.kept.values.flatMap(\.self)
        }
        for folder in kept { try? Disk.removeTree(folder) }
    }
}
