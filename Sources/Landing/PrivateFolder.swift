package import FileSystem
package import SystemPackage

/// Takes the rights of other users from files and folders that were made with wider modes.
package enum PrivateFolder {
    /// Takes every right of others from the files and folders below `path`. What stands in `held/` of a staging area came from a spool, and
    /// stays as it is.
    package static func close(_ path: FilePath) throws(FileSystemError) {
        for name in try Disk.names(in: path) {
            let entry = path.appending(name)
            guard let status = try Disk.status(entry) else { continue }
            switch status.kind {
            case .directory:
                if status.mode & 0o077 != 0 { try Disk.grant(.ownerOnly, folder: entry) }
                if name.string != "held" { try close(entry) }
            case .regular where status.mode & 0o077 != 0: try Disk.grant(.ownerOnly, file: entry)
            default: break
            }
        }
    }
}
