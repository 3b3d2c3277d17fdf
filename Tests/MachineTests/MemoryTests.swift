import Glibc
import Tensors
import TestSupport
import Testing

@testable import Machine

/// Memory that cannot be had is an error.
@Suite struct MemoryTests {
    @Test func whatIsFreeIsKnown() {
        let available = MachineMemory.available()
        #expect(available > 1 << 20 && available < 1 << 50)
    }

    @Test func moreThanThereIsIsAnError() {
        let tooMuch = 1 << 46
        #expect(throws: OutOfMemory.self) { try OutOfMemory.check(tooMuch) }
        #expect(throws: OutOfMemory.self) { try TensorBuffer(requested: tooMuch) }
        #expect(throws: OutOfMemory.self) { try TensorBuffer(pages: tooMuch) }
        #expect(throws: OutOfMemory.self) { try TensorBuffer(requested: -1) }
    }

    /// What control groups of either version leave, by files in the form in which the kernel writes them.
    private func group(_ files: [String: String]) throws -> Int? {
        let directory = try TemporaryDirectory("cgroup")
        for (path, text) in files { try directory.write(text, to: path) }
        return ControlGroups(root: directory.path).available()
    }

    private static let unlimited = "9223372036854771712\n"
    private static func stat(inactive: Int, active: Int, limit: String = "9223372036854771712") -> String {
        """
        cache 12640256
        rss 9633792
        rss_huge 0
        shmem 9170944
        mapped_file 7749632
        dirty 49152
        writeback 0
        workingset_refault_anon 0
        workingset_refault_file 6735
        swap 0
        swapcached 0
        pgpgin 89765
        pgpgout 84327
        pgfault 159119
        pgmajfault 0
        inactive_anon 0
        active_anon 1531904
        inactive_file 28672
        active_file 3440640
        unevictable 17272832
        hierarchical_memory_limit \(limit)
        hierarchical_memsw_limit 9223372036854771712
        total_cache 17304420352
        total_rss 2420871168
        total_rss_huge 27262976
        total_shmem 423952384
        total_mapped_file 613298176
        total_dirty 8691712
        total_writeback 0
        total_workingset_refault_anon 0
        total_workingset_refault_file 12062521
        total_swap 0
        total_swapcached 0
        total_pgpgin 885386681
        total_pgpgout 881471964
        total_pgfault 1066931338
        total_pgmajfault 285509
        total_inactive_anon 2797219840
        total_active_anon 44961792
        total_inactive_file \(inactive)
        total_active_file \(active)
        total_unevictable 17272832

        """
    }

    private static let firstVersion = """
        13:hugetlb:/
        11:memory:/system.slice/millrace.service
        9:cpu,cpuacct:/system.slice/millrace.service
        1:name=systemd:/system.slice/millrace.service
        0::/system.slice/millrace.service

        """

    @Test func theFirstVersionsLimitIsRead() throws {
        let folder = "sys/fs/cgroup/memory/system.slice/millrace.service/"
        var files = [
            "proc/self/cgroup": Self.firstVersion, folder + "memory.limit_in_bytes": "536870912\n",
            folder + "memory.usage_in_bytes": "436207616\n",
            folder + "memory.stat": Self.stat(inactive: 100_000_000, active: 36_207_616),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": Self.unlimited, "sys/fs/cgroup/memory/memory.usage_in_bytes": "8000000000\n",
            "sys/fs/cgroup/memory/memory.stat": Self.stat(inactive: 1, active: 1),
        ]
        #expect(try group(files) == 536_870_912 - 300_000_000)
        // The slice above has less.
        files["sys/fs/cgroup/memory/system.slice/memory.limit_in_bytes"] = "400000000\n"
        files["sys/fs/cgroup/memory/system.slice/memory.usage_in_bytes"] = "350000000\n"
        #expect(try group(files) == 50_000_000)
    }

    /// A container sees its own group where the uppermost one is mounted, and is told its path outside.
    @Test func theFirstVersionsLimitIsReadInAContainer() throws {
        #expect(
            try group([
                "proc/self/cgroup": "5:memory:/docker/0a1b2c\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "300000000\n",
                "sys/fs/cgroup/memory/memory.stat": Self.stat(inactive: 0, active: 0),
            ]) == 0)
        // The limit of a pod above it shows in the statistics only.
        #expect(
            try group([
                "proc/self/cgroup": "5:memory:/kubepods/pod1/0a1b2c\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": Self.unlimited,
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "100000000\n",
                "sys/fs/cgroup/memory/memory.stat": Self.stat(inactive: 0, active: 0, limit: "150000000"),
            ]) == 50_000_000)
    }

    @Test func theSecondVersionsLimitIsRead() throws {
        let folder = "sys/fs/cgroup/system.slice/millrace.service/"
        var files = [
            "proc/self/cgroup": "0::/system.slice/millrace.service\n", folder + "memory.max": "536870912\n",
            folder + "memory.current": "436207616\n",
            folder + "memory.stat": "anon 300000000\nfile 136207616\ninactive_file 100000000\nactive_file 36207616\nunevictable 0\n",
        ]
        #expect(try group(files) == 536_870_912 - 300_000_000)
        files[folder + "memory.max"] = "max\n"
        #expect(try group(files) == nil)
        #expect(try group([:]) == nil)
    }

    @Test(arguments: [0, 1, 63, 64, 100_000, 65 << 20])
    func requestedMemoryIsZeroAndAligned(byteCount: Int) throws {
        let buffer = try TensorBuffer(requested: byteCount)
        #expect(Int(bitPattern: buffer.address) % 64 == 0)
        let pages = try TensorBuffer(pages: byteCount)
        withExtendedLifetime((buffer, pages)) {
            #expect(buffer.byteCount == byteCount && buffer.bytes.allSatisfy { $0 == 0 })
            buffer.mutableBytes.initializeMemory(as: UInt8.self, repeating: 7)
            #expect(pages.bytes.allSatisfy { $0 == 0 })
        }
    }

    @Test func sizesAreShownAsPeopleSayThem() {
        #expect(
            OutOfMemory(needed: 4 << 30, available: 300 << 20).description == "not enough memory: 4.0 GiB are needed, and 300 MiB are free")
        #expect(OutOfMemory.shown(.max) == "8589934591.9 GiB")
    }
}
