import Attempts
import Foundation
import Glibc
import Recipes
import Synchronization
import TestSupport
import Testing
import WorkerProtocol

@testable import Runner

/// What a worker answers over its connection, with an executor in place of the engine.
@Suite struct WorkerServiceTests {
    /// Executes attempts at once; those whose run is among `slow` wait until the test lets them end.
    private final class GatedExecutor: AttemptExecutor {
        let mayEnd = DispatchSemaphore(value: 0)
        let executed = Mutex<[Int64]>([])
        let slow: Set<Int64>

        init(slow: Set<Int64>) { self.slow = slow }

        func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult {
            executed.withLock { $0.append(spec.run) }
            if slow.contains(spec.run) { mayEnd.wait() }
            return AttemptResult()
        }
    }

    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("service") }

    /// Serves one connection on a thread of its own while `body` talks to it.
    private func serve(_ executor: GatedExecutor, _ body: (FrameConnection) throws -> Void) throws {
        let (own, other) = try FrameConnection.pair()
        let ended = DispatchSemaphore(value: 0)
        let thread = Thread {
            try? WorkerService(FrameConnection(other), executor: executor).run(token: "t")
            ended.signal()
        }
        thread.start()
        do {
            let daemon = FrameConnection(own)
            guard case .hello? = try daemon.receive(WorkerFrame.self, within: .seconds(30)) else {
                Issue.record("no hello")
                return
            }
            try body(daemon)
        }
        #expect(ended.wait(timeout: .now() + 30) == .success, "it ends with its connection")
    }

    private func attempt(_ run: Int64, _ file: Int32? = nil) -> DaemonFrame {
        let spec = AttemptSpec(
            run: run, attempt: 1, pipeline: "p",
            work: .validateModel(.init(model: .init(path: "m", digest: "d"), directory: "x"), training: nil), schema: .init(), stages: [])
        return .attempt(reference: AttemptReference(run: run, attempt: 1, nonce: 1), spec: spec, hasFile: file != nil)
    }

    private func answeredRun(_ daemon: FrameConnection) throws -> Int64? {
        while let frame = try daemon.receive(WorkerFrame.self, within: .seconds(30)) {
            if case .answer(let reference, _) = frame { return reference.run }
        }
        return nil
    }

    /// Attempts that are sent together are executed in their order, and each is answered.
    @Test func ordersThatComeTogetherAreAnsweredInTheirOrder() throws {
        let executor = GatedExecutor(slow: [])
        try serve(executor) { daemon in
            let runs = Array(Int64(1)...40)
            for run in runs {
                // Each has an open file, which the worker closes.
                let file = Glibc.open(try directory.write("\(run)", to: "data"), O_RDONLY | O_CLOEXEC)
                try daemon.hold(attempt(run, file), with: [file])
            }
            try daemon.sendHeld()
            #expect(try runs.map { _ in try answeredRun(daemon) } == runs)
            #expect(executor.executed.withLock(\.self) == runs)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { entry in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + entry)) == directory("data")
        }
        #expect(left.isEmpty, "neither side keeps a file open")
    }

    /// The answers to short attempts do not wait for a long one that came with them.
    @Test func answersDoNotWaitForALongAttempt() throws {
        let executor = GatedExecutor(slow: [3])
        try serve(executor) { daemon in
            for run in Int64(1)...4 { try daemon.hold(attempt(run)) }
            try daemon.sendHeld()
            #expect(try answeredRun(daemon) == 1)
            #expect(try answeredRun(daemon) == 2)
            executor.mayEnd.signal()
            #expect(try answeredRun(daemon) == 3)
            #expect(try answeredRun(daemon) == 4)
        }
    }
}
