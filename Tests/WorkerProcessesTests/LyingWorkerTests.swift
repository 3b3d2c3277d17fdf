import AttemptSupport
import Attempts
import Foundation
import TestSupport
import Testing
import WorkerProtocol

@testable import WorkerProcesses

/// A worker that a hostile model has taken over may answer anything. What it names is not published unless the attempt may write it.
@Suite struct LyingWorkerTests {
    /// A program that greets as a worker does, and answers each file to score with the files that it is told.
    private static let program = """
        #!/usr/bin/env python3
        import json, os, socket, sys
        daemon = socket.socket(fileno=3).makefile("rwb")
        def say(frame): daemon.write(json.dumps(frame, separators=(",", ":")).encode() + b"\\n"); daemon.flush()
        say({"hello": {"hello": {
            "frames": FRAMES, "build": "BUILD", "token": os.environ["MILLRACE_WORKER_TOKEN"], "process": os.getpid(), "host": "", "mounts": {},
            "machine": {"processor": "", "engine": "", "engineVersion": ""}}}})
        for line in daemon:
            order = json.loads(line).get("score")
            if order is None: continue
            files = [{"slot": "output", "path": path or order["output"], "digest": "d", "bytes": 1} for path in PATHS]
            say({"scored": {"run": order["run"], "attempt": order["attempt"], "nonce": order["nonce"], "rows": 1, "timings": {}, "files": files}})
        """

    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("lying") }

    private func executor(answering paths: [String]) throws -> ProcessExecutor {
        let text = Self.program.replacing("FRAMES", with: "\(WorkerHello.currentFrames)").replacing("BUILD", with: toolVersion)
            .replacing("PATHS", with: "\(paths)")
        let program = try directory.write(text, to: "worker")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        return ProcessExecutor(program: program, workers: 1, sessionBytes: 1)
    }

    @Test func theOutputIsTaken() throws {
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: directory)
        let result = try executor(answering: [""]).execute(spec, cancellation: AttemptCancellation())
        #expect(result.failure == nil && result.files.map(\.digest) == ["d"], "\(String(describing: result.failure))")
    }

    @Test(arguments: [["/etc/passwd"], [], ["", "/etc/passwd"], ["", ""]]) func otherFilesAreNot(_ paths: [String]) throws {
        let spec = try Scoring.spec(rows: "id,x\na,1\n", in: directory)
        let executor = try executor(answering: paths)
        let failure = executor.execute(spec, cancellation: AttemptCancellation()).failure
        #expect(failure?.kind == .workerDied && failure?.what.contains("files that this attempt does not write") == true)
        #expect(executor.fleet.idleProcesses.isEmpty, "the process is ended")
    }

    @Test func inALotTheyAreNotEither() throws {
        let executor = try executor(answering: ["/etc/passwd"])
        var failures: [Failure?] = [nil, nil]
        let specs = try ["one.csv", "two.csv"].map { try Scoring.spec(rows: "id,x\na,1\n", output: $0, in: directory) }
        executor.execute(specs.map { ($0, AttemptControl()) }) { place, result in failures[place] = result.failure }
        #expect(failures.allSatisfy { $0?.kind == .workerDied })
    }
}
