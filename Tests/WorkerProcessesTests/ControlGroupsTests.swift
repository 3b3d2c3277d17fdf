import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import WorkerProcesses

/// What the daemon asks of the kernel's control groups, in a folder that stands for `/sys/fs/cgroup`: its files are there and do nothing.
@Suite struct ControlGroupsTests {
    private static let base = "sys/fs/cgroup/system.slice/millrace.service"

    /// The files of one group.
    private static func make(_ folder: String) -> Bool {
        guard (try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)) != nil else { return false }
        let files = [
            "cgroup.procs", "cgroup.subtree_control", "cgroup.type", "cgroup.kill", "memory.max", "memory.swap.max", "memory.oom.group",
            "memory.events",
        ]
        for file in files { _ = FileManager.default.createFile(atPath: folder + "/" + file, contents: Data()) }
        return true
    }

    /// - Parameters:
    ///   - path: this process's group, as `/proc/self/cgroup` has it.
    ///   - isMarked: whether systemd has said that the group `millrace.service` is delegated.
    private func root(
        path: String = "/system.slice/millrace.service", controllers: String = "cpu memory pids", isMarked: Bool = true
    ) throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("groups")
        for folder in [Self.base, Self.base + "/daemon"] { _ = Self.make(root(folder)) }
        try root.write(controllers + "\n", to: Self.base + "/cgroup.controllers")
        try root.write("0::\(path)\n", to: "proc/self/cgroup")
        if isMarked { LinuxCalls.setAttribute(FilePath(root(Self.base)), "user.delegate", "1") }
        return root
    }

    private func delegated(_ root: TemporaryDirectory) -> DelegatedGroup? { DelegatedGroup(root: root.path, makeFolder: Self.make) }

    private func text(_ file: String, _ root: TemporaryDirectory) -> String? {
        (try? root.read(file)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: ["/system.slice/millrace.service", "/system.slice/millrace.service/daemon"])
    func theDaemonMovesIntoAGroupOfItsOwn(path: String) throws {
        let root = try root(path: path)
        let group = try #require(delegated(root))
        #expect(group.folder == root(Self.base))
        #expect(text(Self.base + "/daemon/cgroup.procs", root) == "\(getpid())")
        #expect(text(Self.base + "/cgroup.subtree_control", root) == "+memory")
    }

    /// Nothing is taken that was not given: root may write everywhere.
    @Test(.enabled(if: geteuid() == 0)) func aGroupThatNobodyDelegatedIsLeftAlone() throws {
        let root = try root(isMarked: false)
        #expect(delegated(root) == nil)
        #expect(text(Self.base + "/daemon/cgroup.procs", root) == "" && text(Self.base + "/cgroup.subtree_control", root) == "")
    }

    @Test(arguments: ["cpu pids", ""]) func aGroupWithoutMemoryIsLeftAlone(controllers: String) throws {
        #expect(delegated(try root(controllers: controllers)) == nil)
    }

    @Test func versionOneIsLeftAlone() throws {
        let root = try root()
        try root.write("4:memory:/system.slice/millrace.service\n", to: "proc/self/cgroup")
        #expect(delegated(root) == nil)
    }

    /// The uppermost group of a container is its own. That of a machine, which has no type, is not.
    @Test(arguments: [true, false]) func aContainersGroupIsItsOwn(isContainer: Bool) throws {
        let root = try root(path: "/")
        _ = Self.make(root("sys/fs/cgroup"))
        _ = Self.make(root("sys/fs/cgroup/daemon"))
        try root.write("memory\n", to: "sys/fs/cgroup/cgroup.controllers")
        if !isContainer { unlink(root("sys/fs/cgroup/cgroup.type")) }
        #expect(delegated(root)?.folder == (isContainer ? root("sys/fs/cgroup") : nil))
    }

    @Test func whereOtherProcessesAreInTheGroupTheDaemonGoesBack() throws {
        let root = try root()
        // The kernel answers EBUSY; a folder cannot be written either.
        unlink(root(Self.base + "/cgroup.subtree_control"))
        mkdir(root(Self.base + "/cgroup.subtree_control"), 0o755)
        #expect(delegated(root) == nil)
        #expect(text(Self.base + "/cgroup.procs", root) == "\(getpid())")
    }

    @Test func aDaemonRemovesWhatOneThatWasKilledLeft() throws {
        let root = try root()
        // Of a process that has ended, of this one's number before it was this one's, and of one that lives.
        let ended = Process()
        ended.executableURL = URL(fileURLWithPath: "/bin/true")
        try ended.run()
        ended.waitUntilExit()
        let names = ["worker-\(ended.processIdentifier)-1", "worker-\(getpid())-7", "worker-1-2", "something"]
        for name in names { mkdir(root(Self.base + "/" + name), 0o755) }
        _ = try #require(delegated(root))
        #expect(
            names.map { FileManager.default.fileExists(atPath: root(Self.base + "/" + $0)) } == [false, false, true, true])
    }

    @Test func aWorkersGroupHasItsProcessAndItsLimit() throws {
        let root = try root()
        let folder = Self.base + "/worker-\(getpid())-1"
        do {
            let group = try #require(delegated(root)?.makeGroup())
            #expect(group.add(42) && text(folder + "/cgroup.procs", root) == "42")
            #expect(text(folder + "/memory.oom.group", root) == "1" && text(folder + "/memory.swap.max", root) == "0")
            #expect(group.bound(640 << 20, mapped: 100) && text(folder + "/memory.max", root) == "\((640 + 10 + 64) << 20 + 100)")
            #expect(group.killsForMemory == 0)
            try root.write("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n", to: folder + "/memory.events")
            #expect(group.killsForMemory == 3)
            // The kernel's own files go with the folder.
            for file in try FileManager.default.contentsOfDirectory(atPath: root(folder)) { unlink(root(folder + "/" + file)) }
        }
        #expect(!FileManager.default.fileExists(atPath: root(folder)))
    }

    /// A worker that the kernel ends for lack of memory in its own group has reached its limit, which is the attempt's verdict. One that is
    /// killed otherwise is begun anew.
    @Test(arguments: [true, false]) func theKernelsKillIsTheLimitOfMemory(isForMemory: Bool) throws {
        let root = try root()
        let directory = try TemporaryDirectory("attempt")
        let executor = ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20, in: delegated(root))
        let spec = try Scoring.spec(
            model: TinyModel.counting(), rows: "id,x\na,2e12\n", limits: .init(memoryBytes: 1 << 30), in: directory)
        let kills = Atomic(0)
        let killer = Thread {
            while kills.load(ordering: .relaxed) < 3 {
                usleep(300_000)
                guard let process = executor.fleet.busyProcesses.first else { continue }
                for name in (try? FileManager.default.contentsOfDirectory(atPath: root(Self.base))) ?? [] where name.hasPrefix("worker-") {
                    let folder = Self.base + "/" + name
                    guard text(folder + "/cgroup.procs", root) == "\(process)" else { continue }
                    if isForMemory { _ = try? root.write("oom_kill 1\n", to: folder + "/memory.events") }
                    kills.add(1, ordering: .relaxed)
                    kill(process, SIGKILL)
                }
            }
        }
        killer.start()
        let failure = try #require(executor.execute(spec, cancellation: AttemptCancellation()).failure)
        #expect(failure.kind == (isForMemory ? .memoryLimit : .workerDied), "\(failure)")
        #expect(kills.exchange(3, ordering: .relaxed) == (isForMemory ? 1 : 3))
        #expect(!isForMemory || failure.what.contains("outgrew limits.memory (1024 MiB)"), "\(failure)")
    }

    /// Where the group keeps the memory, the worker does not limit its address space.
    @Test func theAddressSpaceIsLimitedOnlyWithoutAGroup() throws {
        for hasGroup in [true, false] {
            let root = try root()
            let directory = try TemporaryDirectory("attempt")
            let executor = ProcessExecutor(
                program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20, in: hasGroup ? delegated(root) : nil)
            let spec = try Scoring.spec(rows: "id,x\na,1\n", limits: .init(memoryBytes: 1 << 30), in: directory)
            #expect(executor.execute(spec, cancellation: AttemptCancellation()).failure == nil)
            let worker = try #require(executor.fleet.idleProcesses.first)
            let limits = try String(contentsOfFile: "/proc/\(worker)/limits", encoding: .utf8)
            let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max address space") })
            #expect((line.split(separator: " ")[3] == "unlimited") == hasGroup, "\(line)")
            if hasGroup { #expect(Int(text(Self.base + "/worker-\(getpid())-1/memory.max", root) ?? "") ?? 0 > 1 << 30) }
        }
    }
}
