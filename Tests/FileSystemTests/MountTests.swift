import FileSystem
import TestSupport
import Testing

@Suite struct MountTests {
    @Test(arguments: [
        ("/data/x", "ext4", false), ("/database", "overlay", false), ("/data", "ext4", false), ("/", "overlay", false),
        ("/mnt/nfs/root/.millrace", "nfs4", true), ("/mnt/nfsother", "overlay", false),
        ("/mnt/with space/x", "cifs", true), ("/mnt/ssh", "fuse.sshfs", true), ("/mnt/disk", "fuseblk", false),
        ("/mnt/over", "tmpfs", false),
        ("/mnt/host", "virtiofs", false),
    ])
    func theLongestMountPointCountsAndOfEqualOnesTheLast(path: String, type: String, isNetwork: Bool) throws {
        let table = """
            22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw
            23 22 8:1 / /data rw - ext4 /dev/sda1 rw
            24 22 0:40 / /mnt/nfs rw,relatime shared:9 master:3 - nfs4 host:/export rw
            25 22 0:41 / /mnt/with\\040space rw - cifs //host/share rw
            26 22 0:42 / /mnt/ssh rw - fuse.sshfs host: rw
            27 22 8:2 / /mnt/disk rw - fuseblk /dev/sdb1 rw
            28 22 0:43 / /mnt/over rw - nfs host:/a rw
            29 28 0:44 / /mnt/over rw - tmpfs tmpfs rw
            30 22 0:45 / /mnt/host rw - virtiofs share rw
            """
        let mount = try #require(Mount.of(path, in: table))
        #expect(mount.type == type && mount.isNetwork == isNetwork)
    }

    @Test func thisFileSystemIsKnown() throws {
        let directory = try TemporaryDirectory("mount")
        #expect(Mount.of(directory.path)?.isNetwork == false)
        #expect(Mount.of(directory("nothing")) == nil)
    }

    @Test(arguments: [("ext4", true), ("tmpfs", true), ("nfs4", false), ("overlay", false), ("virtiofs", false), ("fuse.rclone", false)])
    func onlyAFileSystemThatIsKnownToBeLocalIs(type: String, isLocal: Bool) throws {
        let mount = try #require(Mount.of("/x", in: "22 1 8:1 / / rw - \(type) /dev/sda1 rw"))
        #expect(mount.isLocal == isLocal)
    }
}
