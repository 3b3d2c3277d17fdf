package import SystemPackage

/// Tools that carry deletions back to where a file came from: under them `archive` and `delete` take the user's own copy too.
package enum SyncOwner {
    /// Names the tool that owns `directory` and the file that shows it, looking in it and in all directories above; nil when none is known.
    package static func of(_ directory: FilePath) -> (tool: String, evidence: FilePath)? {
        guard var place = try? Disk.resolve(directory) else { return nil }
        while true {
            for name in (try? Disk.names(in: place)) ?? [] {
                if let tool = tool(name.string, in: place) { return (tool, place.appending(name)) }
            }
            let above = place.removingLastComponent()
            if above == place || above.isEmpty { return nil }
            place = above
        }
    }

    private static func tool(_ name: String, in directory: FilePath) -> String? {
        func isFile(_ name: String) -> Bool {
            guard let status = try? Disk.status(directory.pushing(FilePath(name))) else { return false }
            return status.kind == .regular
        }
        switch name {
        case ".stfolder", ".stignore", ".stversions": return "Syncthing"
        // In a home directory `.dropbox` is the settings folder; in a synced folder it is a file.
        case ".dropbox": return isFile(name) ? "Dropbox" : nil
        case ".dropbox.cache": return "Dropbox"
        case ".owncloudsync.log", ".nextcloudsync.log": return "Nextcloud or ownCloud"
        case ".tmp.drivedownload", ".tmp.driveupload": return "Google Drive"
        case ".megaignore": return "MEGA"
        case "RCLONE_TEST": return "rclone bisync"
        case ".sync": return isFile(".sync/ID") ? "Resilio Sync" : nil
        default: break
        }
        if name.hasPrefix(".sync_") || name.hasPrefix("._sync_"), name.hasSuffix(".db") { return "Nextcloud or ownCloud" }
        return nil
    }
}
