import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing
import WorkerProtocol

@testable import Nodes

/// Who may join: who knows the token, runs the same version, and sees the same folders.
@Suite struct JoiningTests {
    private func hello(_ build: String = toolVersion) -> JoinHello { JoinHello(build: build, host: "h", process: 1, places: 1) }

    private func connection(_ fixture: NodeFixture) throws -> FrameConnection {
        try FrameConnection.connect(to: "127.0.0.1:\(fixture.listener.port)")
    }

    @Test func anotherTokenIsRefusedByBothSides() throws {
        let fixture = try NodeFixture()
        let other = FilePath(fixture.directory("other"))
        try WorkerToken.make(other)
        // The worker finds that the daemon is none of its own, and says nothing more.
        #expect(throws: JoinError.wrongToken) { try Joining(token: WorkerToken(other)).join(connection(fixture), as: self.hello()) }
        // A worker that goes on all the same is sent away without a word.
        let stranger = try connection(fixture)
        try stranger.send(JoinFrame.hello(hello()))
        guard case .challenge(let nonce, let proof)? = try stranger.receive(JoinFrame.self, within: .seconds(5)) else {
            Issue.record("no challenge")
            return
        }
        // Neither the daemon's own proof nor one for another number serves.
        try stranger.send(JoinFrame.proof(proof))
        #expect(throws: FrameError.closed) { try stranger.receive(JoinFrame.self, within: .seconds(5)) }
        let token = try WorkerToken(fixture.folder.token), hello = self.hello()
        let replaying = try connection(fixture)
        try replaying.send(JoinFrame.hello(hello))
        _ = try replaying.receive(JoinFrame.self, within: .seconds(5))
        try replaying.send(JoinFrame.proof(token.proof(of: .worker, over: hello.transcript(nonce))))
        #expect(throws: FrameError.closed) { try replaying.receive(JoinFrame.self, within: .seconds(5)) }
        #expect(fixture.roster.entries == [])
    }

    @Test func anotherVersionIsRefusedByName() throws {
        let fixture = try NodeFixture()
        let joining = Joining(token: try WorkerToken(fixture.folder.token))
        #expect {
            try joining.join(connection(fixture), as: hello("0.0.1"))
        } throws: {
            "\($0)".contains("version 0.0.1")
        }
    }

    /// A worker whose folder of the same path is another one gets no work, and both sides say why.
    @Test(arguments: [true, false]) func anotherMountIsRefused(_ writes: Bool) throws {
        let directory = try TemporaryDirectory("mounts")
        try directory.write("mine", to: "spool/.millrace-claim/holder")
        let shared = SharedFolder(FilePath(directory("spool")), writes ? .ours : .file(".millrace-claim/holder"))
        let fixture = try NodeFixture(folders: [shared])
        // The worker says what one on another machine would see there.
        let other = try connection(fixture), token = try WorkerToken(fixture.folder.token), hello = self.hello()
        try other.send(JoinFrame.hello(hello))
        guard case .challenge(let nonce, _)? = try other.receive(JoinFrame.self, within: .seconds(5)) else { return }
        try other.send(JoinFrame.proof(token.proof(of: .worker, over: hello.transcript(nonce))))
        guard case .probe(let probes)? = try other.receive(JoinFrame.self, within: .seconds(5)) else {
            Issue.record("no question")
            return
        }
        #expect(probes.map(\.folder).contains(directory("spool")))
        try other.send(
            JoinFrame.seen(
                probes.map { probe in
                    probe.folder == directory("spool")
                        ? FolderProbe.Sight(inode: 7, digest: FileDigest.of(bytes: "yours".utf8)) : probe.look()
                }))
        guard case .refused(let why)? = try other.receive(JoinFrame.self, within: .seconds(30)) else {
            Issue.record("it was let in")
            return
        }
        #expect(why.contains(directory("spool")), "\(why)")
        #expect(eventually { fixture.roster.complaints["127.0.0.1"]?.contains(directory("spool")) == true })
        #expect(fixture.roster.entries == [])
        let left = directory.files().filter { $0.contains(".probe-") }
        #expect(left == [], "\(left)")
    }

    /// What a worker writes must arrive where the daemon looks for it.
    @Test func whatIsWrittenElsewhereIsNoticed() throws {
        let directory = try TemporaryDirectory("probe")
        try directory.write("", to: "a/x")
        let proof = FolderProof([SharedFolder(FilePath(directory("a")), .ours)])
        var sights = proof.probes.map { $0.look() }
        #expect(proof.fault(in: sights) == nil)
        let note = try #require(proof.probes[0].write)
        try directory.write("something else", to: "a/" + note.name)
        #expect(proof.fault(in: sights)?.contains("does not arrive") == true)
        sights[0].digest = FileDigest.of(bytes: "other".utf8)
        #expect(proof.fault(in: sights)?.contains("another folder") == true)
        #expect(proof.fault(in: []) != nil)
        proof.remove()
        #expect(directory.files() == ["a/x"])
    }

    /// The daemon cannot have a worker read or write just anything.
    @Test func aProbeStaysInItsFolder() throws {
        let directory = try TemporaryDirectory("probe")
        try directory.write("s", to: "secret")
        try directory.write("", to: "a/x")
        for probe in [
            FolderProbe(folder: directory("a"), read: "../secret"), FolderProbe(folder: directory("a"), read: directory("secret")),
            FolderProbe(folder: "a"), FolderProbe(folder: directory("a"), write: .init(name: "x", text: "t")),
            FolderProbe(folder: directory("a"), write: .init(name: ".probe-1/../../y", text: "t")),
        ] {
            #expect(probe.look().fault?.contains("no name") == true, "\(probe)")
        }
        #expect(directory.files().sorted() == ["a/x", "secret"])
    }

    @Test func aTokenThatOthersMayReadIsRefused() throws {
        let directory = try TemporaryDirectory("token")
        let file = FilePath(directory("workers/token"))
        try WorkerToken.make(file)
        let made = try directory.read("workers/token")
        #expect(made.count == 65)
        var status = stat()
        #expect(stat(file.string, &status) == 0 && status.st_mode & 0o777 == 0o600)
        try WorkerToken.make(file)
        #expect(try directory.read("workers/token") == made)
        chmod(file.string, 0o640)
        #expect { try WorkerToken(file) } throws: { "\($0)".contains("chmod 600") }
        chmod(file.string, 0o600)
        try directory.write("short\n", to: "workers/token")
        chmod(file.string, 0o600)
        #expect { try WorkerToken(file) } throws: { "\($0)".contains("fewer than 32 characters") }
    }

    @Test func aWorkerWithoutWorkLeaves() throws {
        let fixture = try NodeFixture()
        fixture.join(idle: .milliseconds(300))
        #expect(
            eventually { fixture.words.all.contains { $0.contains("nothing to do") && $0.hasPrefix("worker:") } }, "\(fixture.words.all)")
        #expect(eventually { fixture.roster.entries.isEmpty })
        #expect(fixture.roster.complaints == [:])
    }

    /// A worker that gives no sign of life is given up, and so is a daemon.
    @Test func silenceEndsAConnection() throws {
        let fixture = try NodeFixture(terms: JoinTerms(heartbeat: 60, lease: 0.5))
        let connection = try connection(fixture)
        _ = try Joining(token: WorkerToken(fixture.folder.token)).join(connection, as: hello())
        #expect(eventually { fixture.roster.places == 1 })
        #expect(eventually { fixture.roster.places == 0 })
        #expect(eventually { fixture.roster.complaints["h"]?.contains("no sign of life") == true }, "\(fixture.roster.complaints)")
        fixture.join()
        #expect(eventually { fixture.words.all.contains { $0.hasPrefix("worker: the daemon is gone") } }, "\(fixture.words.all)")
    }
}
