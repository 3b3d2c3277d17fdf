import Attempts
import FileSystem
import Foundation
import Runner
import Synchronization
import SystemPackage
import TestSupport
import WorkerProcesses
import WorkerProtocol

@testable import Nodes

/// A daemon's side with its folder for joining, in a temporary folder, and workers that join it from threads of this process.
final class NodeFixture: Sendable {
    let directory: TemporaryDirectory
    let folder: JoinFolder
    let roster = Roster()
    let listener: JoinListener
    let executor: NodeExecutor
    private let workers = Mutex<[NodeWorker]>([])

    convenience init(
        local: ProcessExecutor? = nil, places: Int = 0, terms: JoinTerms = JoinTerms(heartbeat: 0.2, lease: 2),
        folders: [SharedFolder] = [], certificate: DaemonCertificate? = nil
    ) throws {
        try self.init(
            TemporaryDirectory("nodes"), local: local, places: places, terms: terms, folders: folders, words: Told(), hadWorkers: false,
            certificate: certificate)
    }

    /// Makes the daemon that comes after one that is gone.
    convenience init(nextOf former: NodeFixture) throws {
        try self.init(
            former.directory, local: nil, places: 0, terms: JoinTerms(heartbeat: 0.2, lease: 2), folders: [], words: former.words,
            hadWorkers: true)
    }

    private init(
        _ directory: TemporaryDirectory, local: ProcessExecutor?, places: Int, terms: JoinTerms, folders: [SharedFolder], words: Told,
        hadWorkers: Bool, certificate: DaemonCertificate? = nil
    ) throws {
        self.directory = directory
        self.words = words
        let folder = JoinFolder(work: FilePath(directory("work")))
        self.folder = folder
        try folder.make()
        try WorkerToken.make(folder.token)
        let shared = folders + [SharedFolder(folder.path, .ours)]
        listener = try JoinListener(
            on: "127.0.0.1:0", certificate: certificate, gatekeeper: Gatekeeper(token: WorkerToken(folder.token), terms: terms) { shared },
            terms: terms,
            roster: roster, contents: nil
        ) { words.add($0) }
        executor = NodeExecutor(local: local, places: places, roster: roster) { _ in shared }
        if hadWorkers { executor.waitForWorkersOfBefore() }
        try folder.write(.init(address: "127.0.0.1:\(listener.port)", build: toolVersion, certificate: certificate?.digest))
        listener.start()
    }

    let words: Told

    final class Told: Sendable {
        private let said = Mutex<[String]>([])
        func add(_ text: String) { said.withLock { $0.append(text) } }
        var all: [String] { said.withLock { $0 } }
    }

    deinit { end() }

    /// Starts a worker on a thread.
    @discardableResult
    func join(
        _ executor: any AttemptExecutor = LocalExecutor(sessionBytes: 1 << 20), places: Int = 1, idle: Duration? = nil,
        patience: Duration = .seconds(5),
        name: String? = nil, requiresTLS: Bool = false
    ) -> NodeWorker {
        let words = words
        let worker = NodeWorker(
            .init(folder: folder.path, places: places, idle: idle, patience: patience, name: name, requiresTLS: requiresTLS),
            executor: executor
        ) { words.add("worker: " + $0) }
        Thread.detachNewThread { do throws(JoinError) { try worker.run() } catch { words.add("worker: \(error)") } }
        workers.withLock { $0.append(worker) }
        return worker
    }

    func end() {
        for worker in workers.withLock({ $0 }) { worker.stop() }
        listener.close()
    }
}
