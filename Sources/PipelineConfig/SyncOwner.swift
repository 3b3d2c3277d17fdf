internal import Foundation

/// Knows the tools that carry deletions back to where a file came from: under them `archive` and `delete` remove the user's own copy too.
package enum SyncOwner {
    /// Returns the name of the tool that owns `directory`, found by the files that it leaves there or in a directory above; nil when none
    /// is known.
    package static func of(_ directory: String) -> String? {
        var place = CanonicalPaths.real(directory)
        while true {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] {
                if let tool = tool(name, in: place) { return tool }
            }
            if place == "/" || place.isEmpty { return nil }
            let above = place[..<(place.lastIndex(of: "/") ?? place.startIndex)]
            place = above.isEmpty ? "/" : String(above)
        }
    }

    private static func tool(_ name: String, in directory: String) -> String? {
        func isFile(_ name: String) -> Bool {
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: directory + "/" + name, isDirectory: &isDirectory) && !isDirectory.boolValue
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
