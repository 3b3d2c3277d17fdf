package import FileSystem
import Glibc
package import PipelineConfig
import SystemPackage

extension LandAccess {
    package var landing: FileAccess { FileAccess(mode: mode, group: group) }
}

/// Makes and checks the folders that pipelines name.
enum PipelineFolders {
    /// Makes the folders that are missing: spools as the umask says, since others write there, the rest as `land` says. Throws for a group
    /// to which no file can be given.
    static func make(_ pipelines: [Pipeline]) throws(FileSystemError) {
        for pipeline in pipelines {
            if let group = pipeline.land.access.group { try checkMembership(group, pipeline) }
            let spools = Set(pipeline.spool.entries.map(\.path))
            for folder in CanonicalPaths.folders(of: pipeline) {
                try PublicFolder.make(FilePath(folder), spools.contains(folder) ? .shared : pipeline.land.access.landing)
            }
        }
    }

    /// Throws where one of the folders is gone again, as with a disk that was unmounted meanwhile: what was set up for it since is on
    /// another disk.
    static func verify(_ pipelines: [Pipeline]) throws(FileSystemError) {
        for folder in pipelines.flatMap(CanonicalPaths.folders) where access(folder, F_OK) != 0 {
            throw .system(doing: "find", path: FilePath(folder), errno: Errno(rawValue: errno))
        }
    }

    /// Throws where the daemon cannot give files to `group`: only root can give them to a group that it is no member of.
    private static func checkMembership(_ group: UInt32, _ pipeline: Pipeline) throws(FileSystemError) {
        guard geteuid() != 0, group != getegid() else { return }
        var groups = [gid_t](repeating: 0, count: 65_536)
        let count = Int(getgroups(Int32(groups.count), &groups))
        guard count < 0 || !groups.prefix(count).contains(group) else { return }
        throw .notInGroup(group, pipeline: pipeline.name)
    }
}
