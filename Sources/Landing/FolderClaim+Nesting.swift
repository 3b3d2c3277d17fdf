import FileSystem
import Glibc
import SystemPackage

/// Looks for claims around a folder, for the same use: on the folders that it lies in, and on those that lie in it. A spool is read with
/// everything below it, so that two daemons would take the same files. A spool in the outputs of another daemon, or outputs in its spool,
/// make a chain, which is allowed, as it is where both are one folder.
extension FolderClaim {
    /// The greatest number of names below the folder that are looked at, the nearest first: a spool of a million files is not listed for
    /// this.
    private static let namesAtMost = 100_000

    /// Throws `nested` where another living process works on a folder above this one or below it. It waits only for holders of another
    /// host, as `init` says.
    func refuseNesting() throws(FileSystemError) {
        let real = (try? Disk.resolve(folder)) ?? folder
        var above = real
        while above.removeLastComponent() { try refuse(above, real) }
        var below = [real][...]
        var names = 0
        while let next = below.popFirst(), names < Self.namesAtMost {
            // A folder that cannot be listed can hold no claim.
            guard let listed = try? Disk.subfolders(of: next, atMost: Self.namesAtMost - names) else { continue }
            names += listed.looked
            for name in listed.folders where !Use.allCases.contains(where: { $0.name.components.first == name }) {
                let folder = next.appending(name)
                try refuse(folder, real)
                below.append(folder)
            }
        }
    }

    private func refuse(_ other: FilePath, _ real: FilePath) throws(FileSystemError) {
        let path = other.pushing(use.name)
        guard let found = try? Self.look(path), let holder = found.holder, holder.inode == found.inode, !isMine(holder) else { return }
        switch holder.isAlive {
        case false?: return
        case nil where (try? isSilent(found, at: path)) == true: return
        case true?, nil: throw .nested(real, around: other, by: "\(holder)")
        }
    }
}
