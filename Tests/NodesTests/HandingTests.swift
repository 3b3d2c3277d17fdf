import Arrivals
import AttemptSupport
import Attempts
import FileSystem
import Foundation
import Glibc
import Landing
import Reasons
import Runner
import Synchronization
import SystemPackage
import TestSupport
import Testing
import WorkerProcesses
import WorkerProtocol

@testable import Nodes

/// Attempts that are handed to workers that have joined.
@Suite struct HandingTests {
    private func output(_ fixture: NodeFixture, _ name: String = "out.csv") throws -> String {
        String(decoding: try fixture.directory.read(name), as: UTF8.self)
    }

    private func away(_ fixture: NodeFixture) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: fixture.directory.path)) ?? []).filter {
            $0.hasPrefix(StagingArea.awayPrefix)
        }
    }

    @Test func aWorkerThatHasJoinedScores() throws {
        let fixture = try NodeFixture()
        fixture.join()
        let result = fixture.executor.execute(
            try Scoring.spec(rows: "id,x\na,1\nb,2\n", in: fixture.directory), cancellation: AttemptCancellation())
        #expect(result.failure == nil && result.rowCount == 2, "\(String(describing: result.failure)) \(fixture.words.all)")
        #expect(try output(fixture) == "id,y\na,3.0\nb,4.0\n")
        #expect(result.files.map(\.path) == [fixture.directory("out.csv")])
        #expect(result.machine == LocalExecutor.machine)
        #expect(away(fixture) == [])
    }

    /// Real processes, which are confined on that machine as a daemon's are; many files in one lot, whose contents travel with the orders.
    @Test func aLotOfSmallFilesIsScoredByProcesses() throws {
        let fixture = try NodeFixture()
        fixture.join(ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20))
        let attempts = try (0..<20).map { number in
            var spec = try Scoring.spec(rows: "id,x\nr,\(number)\n", output: "out-\(number).csv", in: fixture.directory)
            spec.run = Int64(number)
            guard case .score(var files) = spec.work else { return (spec: spec, control: AttemptControl()) }
            files.data.path = try fixture.directory.write("id,x\nr,\(number)\n", to: "spool/\(number).csv")
            spec.work = .score(files)
            return (spec: spec, control: AttemptControl())
        }
        let ended = Mutex<[Int: AttemptResult]>([:])
        fixture.executor.execute(attempts) { place, result in ended.withLock { $0[place] = result } }
        for number in 0..<20 {
            let result = try #require(ended.withLock { $0[number] })
            #expect(result.failure == nil, "\(String(describing: result.failure)) \(fixture.words.all)")
            #expect(try output(fixture, "out-\(number).csv") == "id,y\nr,\(number + 2).0\n")
        }
        #expect(fixture.roster.entries.map(\.done) == [20] && away(fixture) == [])
    }

    /// Holds an attempt until it is let go, wherever it was cancelled meanwhile: a worker that does not notice that it is lost.
    private final class Zombie: AttemptExecutor {
        private let inner = LocalExecutor(sessionBytes: 1 << 20)
        let begun = DispatchSemaphore(value: 0)
        let mayGoOn = DispatchSemaphore(value: 0)
        let written = DispatchSemaphore(value: 0)

        func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
            begun.signal()
            mayGoOn.wait()
            var other = spec
            guard case .score(var files) = spec.work else { return AttemptResult() }
            // It would write something else than the worker in its place does.
            files.data.path = files.data.path + ".zombie"
            files.data.digest = (try? FileDigest.of(FilePath(files.data.path)).digest) ?? ""
            other.work = .score(files)
            let result = inner.execute(other, control: AttemptControl())
            written.signal()
            return result
        }
    }

    /// The connection of a worker breaks, and the worker goes on: its attempt is done by another one, and what the first one writes later is
    /// nowhere.
    @Test func aLostWorkerThatGoesOnChangesNothing() throws {
        let fixture = try NodeFixture(), zombie = Zombie()
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: fixture.directory)
        try fixture.directory.write("id,x\na,100\n", to: "data.csv.zombie")
        // It does not come back.
        fixture.join(zombie, patience: .zero)
        let result = Mutex<AttemptResult?>(nil)
        let thread = Thread {
            let answer = fixture.executor.execute(spec, cancellation: AttemptCancellation())
            result.withLock { $0 = answer }
        }
        thread.start()
        zombie.begun.wait()
        #expect(away(fixture).count == 1)
        let folder = fixture.directory(away(fixture)[0])
        // The daemon alone learns that the connection is broken.
        fixture.roster.dismissAll()
        fixture.join()
        #expect(eventually { result.withLock { $0 } != nil }, "\(fixture.words.all)")
        #expect(result.withLock { $0?.failure } == nil)
        #expect(try output(fixture) == "id,y\na,3.0\n")
        zombie.mayGoOn.signal()
        zombie.written.wait()
        #expect(try output(fixture) == "id,y\na,3.0\n")
        #expect(!FileManager.default.fileExists(atPath: folder), "\(fixture.directory.files())")
    }

    /// An answer that names other content than what is there is not taken.
    private final class Liar: AttemptExecutor {
        private let inner = LocalExecutor(sessionBytes: 1 << 20)
        let change: @Sendable (inout AttemptResult) -> Void
        init(_ change: @escaping @Sendable (inout AttemptResult) -> Void) { self.change = change }

        func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
            var result = inner.execute(spec, control: control)
            change(&result)
            return result
        }
    }

    @Test func anAnswerThatNamesAnotherFileIsRefused() throws {
        let fixture = try NodeFixture()
        fixture.join(Liar { $0.files[0].path = "/etc/passwd" })
        let result = fixture.executor.execute(
            try Scoring.spec(rows: "id,x\na,1\n", in: fixture.directory), cancellation: AttemptCancellation())
        #expect(result.failure?.kind == .workerDied, "\(String(describing: result.failure))")
        #expect(!FileManager.default.fileExists(atPath: fixture.directory("out.csv")))
    }

    /// What a worker says of its machine or of files that it does not see yet is no verdict on the file.
    @Test func whatFailsOnOneMachineIsTriedOnAnother() throws {
        let fixture = try NodeFixture()
        let tries = Atomic(0)
        fixture.join(
            Liar { result in
                _ = tries.add(1, ordering: .relaxed)
                result = AttemptResult(failure: Failure(.machine, what: "its disk is broken", place: "/tmp", remedy: "Mend it."))
            })
        #expect(eventually { fixture.roster.places == 1 })
        let local = ProcessExecutor(program: BuiltProgram.worker, workers: 1, sessionBytes: 1 << 20)
        let executor = NodeExecutor(local: local, places: 0, roster: fixture.roster) { _ in [] }
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: fixture.directory)
        // The same from two tries is believed: a disk that is full is full for all.
        #expect(executor.execute(spec, cancellation: AttemptCancellation()).failure?.kind == .machine)
        #expect(tries.load(ordering: .relaxed) == 2)
    }

    @Test func anInputThatAWorkerDoesNotSeeYetIsWaitedFor() throws {
        let fixture = try NodeFixture()
        let tries = Atomic(0)
        fixture.join(
            Liar { result in
                guard tries.add(1, ordering: .relaxed).oldValue < 2 else { return }
                result = AttemptResult(failure: Failure(.inputGone, what: "it is gone", place: "data.csv", remedy: ""))
            })
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: fixture.directory)
        let result = fixture.executor.execute(spec, cancellation: AttemptCancellation())
        #expect(result.failure == nil && tries.load(ordering: .relaxed) == 3, "\(String(describing: result.failure))")
        // One that is gone here too is gone.
        try FileManager.default.removeItem(atPath: fixture.directory("data.csv"))
        #expect(fixture.executor.execute(spec, cancellation: AttemptCancellation()).failure?.kind == .inputGone)
    }

    @Test func anAttemptIsCancelledOverThere() throws {
        let fixture = try NodeFixture(), begun = DispatchSemaphore(value: 0)
        final class Patient: AttemptExecutor {
            let begun: DispatchSemaphore
            init(_ begun: DispatchSemaphore) { self.begun = begun }
            func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
                begun.signal()
                while !control.cancellation.isCancelled { usleep(1000) }
                return AttemptResult(failure: .cancelled(spec, by: control.cancellation.cause ?? .takenBack))
            }
        }
        fixture.join(Patient(begun))
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: fixture.directory)
        let cancellation = AttemptCancellation()
        Thread.detachNewThread {
            begun.wait()
            cancellation.cancel(.stopped)
        }
        #expect(fixture.executor.execute(spec, cancellation: cancellation).failure?.kind == .stopped)
    }

    /// Three failures on one host within a minute, and it gets no work for a while.
    @Test func aHostOnWhichMuchFailsGetsNoWork() {
        var failures = HostFailures()
        let now = ContinuousClock.now
        func rests(_ host: String, after seconds: Int) -> String? { failures.reason(for: host, now: now + .seconds(seconds)) }
        func note(_ host: String, _ why: String, after seconds: Int) -> Bool { failures.note(host, why, now: now + .seconds(seconds)) }
        let noted = [note("a", "1", after: 0), note("a", "2", after: 70), note("a", "3", after: 75)]
        #expect(noted == [false, false, false] && rests("a", after: 75) == nil)
        let isLast = note("a", "4", after: 80)
        #expect(isLast && rests("a", after: 81)?.contains("4") == true && rests("b", after: 81) == nil)
        #expect(rests("a", after: 81 + Int(HostFailures.rest.components.seconds)) == nil)
    }
}
