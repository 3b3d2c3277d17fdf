import AttemptSupport
import Attempts
import Foundation
import Glibc
import Machine
import Reasons
import Runner
import Synchronization
import TestSupport
import Testing

@testable import WorkerProcesses

/// An attempt's spec is all that an executor needs: the same spec gives the same bytes in this process and in a worker.
@Suite struct ProcessExecutorTests {
    private func executor(workers: Int = 1) -> ProcessExecutor {
        ProcessExecutor(program: BuiltProgram.worker, workers: workers, sessionBytes: 1 << 20)
    }

    @Test func aSpecRunsTheSameInAWorker() throws {
        let directory = try TemporaryDirectory("executor")
        let rows = "id,x\na,1\nb,2.5\n"
        let there = executor().execute(
            try Scoring.spec(rows: rows, output: "there.csv", in: directory), cancellation: AttemptCancellation())
        let here = LocalExecutor(sessionBytes: 1 << 20).execute(
            try Scoring.spec(rows: rows, output: "here.csv", in: directory), cancellation: AttemptCancellation())
        #expect(there.failure == nil, "\(String(describing: there.failure))")
        #expect(there.files.first?.digest == here.files.first?.digest)
        #expect(there.machine == here.machine && there.machine?.engineVersion.contains(".") == true)
        #expect(String(decoding: try directory.read("there.csv"), as: UTF8.self) == "id,y\na,3.0\nb,4.5\n")
        #expect(directory.files() == ["data.csv", "here.csv", "model.onnx", "there.csv"])
    }

    /// An executor does not answer with values that the spec hides, so that no reader of the answer can write them down.
    @Test func anExecutorHidesValuesWhereTheSpecSays() throws {
        let directory = try TemporaryDirectory("executor")
        var spec = try Scoring.spec(rows: "id,x\na,Zoe1987\n", in: directory)
        let executors: [any AttemptExecutor] = [executor(), LocalExecutor(sessionBytes: 1 << 20)]
        for hidesValues in [false, true] {
            spec.hidesValues = hidesValues
            for executor in executors {
                let failure = try #require(executor.execute(spec, cancellation: AttemptCancellation()).failure)
                #expect(failure.what.contains("the value is no number") && (failure.cells == nil) == hidesValues, "\(failure)")
                #expect(
                    failure.cells?.values ?? ["Zoe1987"] == ["Zoe1987"] && failure.description.contains("Zoe1987") != hidesValues,
                    "\(failure)")
            }
        }
    }

    /// A program that is no worker, or is not there, is a fault of the machine: no file is to blame, and all of them wait.
    @Test(arguments: ["/bin/false", "/nowhere/worker"]) func aProgramThatIsNoWorkerIsAFaultOfTheMachine(_ program: String) throws {
        let directory = try TemporaryDirectory("executor")
        let answer = ProcessExecutor(program: program, workers: 1, sessionBytes: 1).execute(
            try Scoring.spec(rows: "id,x\na,1\n", in: directory), cancellation: AttemptCancellation())
        #expect(
            answer.failure?.kind == .machine && answer.failure?.what.contains("worker") == true, "\(String(describing: answer.failure))")
    }

    /// A worker that is killed costs the attempt that it executes; the next attempt gets another worker.
    @Test func aWorkerThatDiesCostsOneAttempt() throws {
        let directory = try TemporaryDirectory("executor")
        let executor = executor()
        let endless = try Scoring.spec(model: TinyModel.counting(), rows: "id,x\na,2e12\n", in: directory)
        let killed = Killed()
        let killer = Thread {
            while !killed.isEnded, killed.count == 0 {
                for worker in executor.fleet.busyProcesses where kill(worker, SIGSEGV) == 0 { killed.count += 1 }
                usleep(100_000)
            }
        }
        killer.start()
        let answer = executor.execute(endless, cancellation: AttemptCancellation())
        killed.isEnded = true
        #expect(answer.failure?.kind == .workerDied, "\(String(describing: answer.failure))")
        #expect(answer.failure?.what.contains("signal 11") == true, "\(String(describing: answer.failure))")
        let next = executor.execute(try Scoring.spec(rows: "id,x\na,1\n", in: directory), cancellation: AttemptCancellation())
        #expect(next.failure == nil, "\(String(describing: next.failure))")
    }

    /// Whoever cancels gets an answer, with the cause that he gave, and the worker is there for the next attempt.
    @Test(arguments: [AttemptCancellation.Cause.takenBack, .stopped]) func aCancelledAttemptEnds(_ cause: AttemptCancellation.Cause) throws
    {
        let directory = try TemporaryDirectory("executor")
        let executor = executor()
        let cancellation = AttemptCancellation()
        let endless = try Scoring.spec(model: TinyModel.counting(), rows: "id,x\na,2e12\n", in: directory)
        let canceller = Thread {
            while executor.fleet.busyProcesses.isEmpty { usleep(10_000) }
            usleep(300_000)
            cancellation.cancel(cause)
        }
        canceller.start()
        let answer = executor.execute(endless, cancellation: cancellation)
        #expect(answer.failure?.kind == (cause == .stopped ? .stopped : .cancelled), "\(String(describing: answer.failure))")
        #expect(executor.fleet.idleProcesses.count == 1)
    }

    /// A process stays after an attempt, with its sessions, and a process that died while it had nothing to do is replaced.
    @Test func processesStayAndAreReplaced() throws {
        let directory = try TemporaryDirectory("executor")
        let executor = executor()
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: directory)
        func run() -> AttemptResult { executor.execute(spec, cancellation: AttemptCancellation()) }
        #expect(run().failure == nil)
        let first = executor.fleet.idleProcesses
        #expect(run().failure == nil)
        #expect(executor.fleet.idleProcesses == first && first.count == 1)
        kill(first[0], SIGKILL)
        #expect(run().failure == nil)
        #expect(executor.fleet.idleProcesses.count == 1 && executor.fleet.idleProcesses != first)
    }

    /// Workers end with those who started them.
    @Test func closingEndsTheProcesses() throws {
        var executor: ProcessExecutor? = executor(workers: 2)
        executor?.fill()
        let processes = try #require(executor?.fleet.idleProcesses)
        #expect(processes.count == 2)
        executor = nil
        for process in processes { #expect(kill(process, 0) != 0 && errno == ESRCH) }
    }

    /// Attempts that together outgrow the memory are ended, the largest first, and run once more, each alone: then they succeed.
    @Test func whatOutgrewTheMemoryTogetherRunsAlone() throws {
        let settings = WorkerSettings(program: BuiltProgram.worker, sessionBytes: 1 << 20)
        // There is nothing for all together, so that two that run at once are always too large.
        let executor = ProcessExecutor(settings, workers: 2, shares: MemoryShares(allowance: -1))
        let answers = Mutex<[AttemptResult]>([])
        let directories = try (0..<2).map { _ in try TemporaryDirectory("executor") }
        let threads = try directories.map { directory in
            let spec = try Scoring.spec(
                model: TinyModel.counting(), rows: "id,x\na,300000\n", limits: .init(memoryBytes: 1 << 30), in: directory)
            return Thread {
                let answer = executor.execute(spec, cancellation: AttemptCancellation())
                answers.withLock { $0.append(answer) }
            }
        }
        executor.fill()
        let before = Set(executor.fleet.idleProcesses)
        for thread in threads { thread.start() }
        #expect(eventually(within: 60) { answers.withLock { $0.count } == 2 })
        for answer in answers.withLock(\.self) {
            #expect(answer.failure == nil && answer.rowCount == 1, "\(String(describing: answer.failure))")
        }
        #expect(!before.isEmpty && !before.isSubset(of: executor.fleet.idleProcesses), "the process of one was ended")
    }

    /// What another pipeline does, and models that no process has executed, leave the others' sessions loaded, where that can be.
    @Test func othersKeepTheirSessions() throws {
        let executor = self.executor(workers: 3)
        executor.fill()
        #expect(executor.fleet.idleProcesses.count == 3)
        let directory = try TemporaryDirectory("executor")
        func process(_ model: Float, of pipeline: String) throws -> pid_t {
            var spec = try Scoring.spec(model: TinyModel.adding(model), rows: "id,x\na,1\n", in: directory)
            spec.pipeline = pipeline
            let worker = try executor.fleet.take(for: spec)
            worker.note(spec)
            executor.fleet.giveBack(worker)
            return worker.process
        }
        let one = try process(1, of: "one")
        let other = try process(2, of: "other")
        #expect(one != other, "a new process is taken before that of another pipeline")
        #expect(try process(3, of: "other") == other && process(1, of: "one") == one)
        #expect(try process(4, of: "one") == one && process(2, of: "other") == other)
        let third = try process(5, of: "third")
        #expect(third != one && third != other)
        _ = try process(5, of: "third")
        #expect(try process(6, of: "fourth") == one, "it was not used for longest")
    }
}

private final class Killed: @unchecked Sendable {
    var count = 0
    var isEnded = false
}
