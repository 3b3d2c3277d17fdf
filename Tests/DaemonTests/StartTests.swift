import Attempts
import Daemon
import FileSystem
import Foundation
import Ledger
import Logging
import PipelineConfig
import SystemPackage
import TestSupport
import Testing

@testable import Landing

/// For a daemon that is only started.
private struct NoExecutor: AttemptExecutor {
    func execute(_ spec: AttemptSpec, control: AttemptControl) -> AttemptResult { AttemptResult() }
}

/// What a daemon does before anything else with what an earlier one left when it was killed.
@Suite struct StartTests {
    private static let pipeline = """
        name: p
        spool: { models: spool/models, data: spool/data }
        stages: [ deserialize: {}, forward: {} ]
        land: { models: out/models, outputs: { path: out/outputs, format: csv } }
        after: archive
        archive: archive/p
        """

    private func daemon(_ directory: TemporaryDirectory) throws -> PipelineDaemon {
        let options = PipelineDaemon.Options(root: directory.path, jobs: 1, threads: 1)
        let files = try PipelineFiles(patterns: [directory("p.yaml")], root: directory.path)
        let log = Logger(label: "start") { _ in SwiftLogNoOpLogHandler() }
        return try PipelineDaemon(
            options, seat: Seat(options, files.inForce, log: log), pipelines: files, executor: NoExecutor(), measuring: { NoExecutor() },
            log: log)
    }

    private func area(_ directory: TemporaryDirectory) throws -> StagingArea {
        try StagingArea(
            for: FilePath(directory("spool/data")), root: FilePath(directory.path),
            avoiding: ["spool/models", "spool/data", "out/models", "out/outputs", "archive/p"].map { FilePath(directory($0)) })
    }

    @Test func whatDeadAttemptsStagedIsSwept() throws {
        let directory = try TemporaryDirectory("start")
        try directory.write(Self.pipeline, to: "p.yaml")
        for folder in ["spool/data", "out/outputs"] {
            try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        }
        let area = try area(directory)
        for name in ["7-1-output.csv", "8-2/model.onnx", "9-1-model/w.bin"] {
            let path = area.work.pushing(FilePath(name))
            try FileManager.default.createDirectory(atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
            try Data("half".utf8).write(to: URL(fileURLWithPath: path.string))
        }
        _ = try daemon(directory)
        #expect(try FileManager.default.contentsOfDirectory(atPath: area.work.string) == [])
    }

    @Test func whatMeasuringLeftIsSwept() throws {
        let directory = try TemporaryDirectory("start")
        try directory.write(Self.pipeline, to: "p.yaml")
        try directory.write("half", to: ".millrace/measuring/int8-static/model.onnx")
        _ = try daemon(directory)
        #expect(directory.files().filter { $0.contains("measuring") } == [])
    }

    /// Killed between the spool and the archive, an input is in neither until the next start.
    @Test(arguments: [false, true])
    func inputsOnTheirWayToTheArchiveArrive(isChecked: Bool) throws {
        let directory = try TemporaryDirectory("start")
        try directory.write(Self.pipeline, to: "p.yaml")
        try directory.write("id,x\na,1\n", to: "spool/data/sub/a.csv")
        try FileManager.default.createDirectory(atPath: directory("out/outputs"), withIntermediateDirectories: true)
        let area = try area(directory), path = FilePath(directory("spool/data/sub/a.csv"))
        let found = try FileDigest.of(path)
        var removal = InputRemoval(destination: FilePath(directory("archive/p")), area: area, areas: [])
        let killed = { () throws(FileSystemError) -> Void in throw .missing("a process that was killed") }
        if isChecked { removal.onChecked = killed } else { removal.onTaken = killed }
        #expect(throws: FileSystemError.self) {
            try removal.remove([SpoolFile(path: path, relative: "sub/a.csv", digest: found.digest, stamp: found.stamp)])
        }
        #expect(!FileManager.default.fileExists(atPath: path.string) && directory.files().contains { $0.contains("/held/") })
        _ = try daemon(directory)
        #expect(try directory.read("archive/p/sub/a.csv") == Array("id,x\na,1\n".utf8))
        #expect(!directory.files().contains { $0.contains("/held/") }, "\(directory.files())")
    }

    /// The quarantine may be on a mount of its own, which no other folder of the pipeline is on.
    @Test(.enabled(if: OtherMount.isThere)) func inputsOnTheirWayToAQuarantineElsewhereArrive() throws {
        let directory = try TemporaryDirectory("start"), other = try #require(try OtherMount())
        try directory.write(Self.pipeline + "\non_error: { quarantine: \(other.path)/quarantine }\n", to: "p.yaml")
        try directory.write("id,x\na,word\n", to: "spool/data/sub/a.csv")
        try FileManager.default.createDirectory(atPath: directory("out/outputs"), withIntermediateDirectories: true)
        let path = FilePath(directory("spool/data/sub/a.csv")), found = try FileDigest.of(path)
        var removal = InputRemoval(destination: FilePath(other.path + "/quarantine"), area: try area(directory), areas: [])
        removal.onChecked = { () throws(FileSystemError) -> Void in throw .missing("a process that was killed") }
        #expect(throws: FileSystemError.self) {
            try removal.remove([SpoolFile(path: path, relative: "sub/a.csv", digest: found.digest, stamp: found.stamp)])
        }
        _ = try daemon(directory)
        #expect(FileManager.default.contents(atPath: other.path + "/quarantine/sub/a.csv") == Data("id,x\na,word\n".utf8))
        #expect(!directory.files().contains { $0.contains("/held/") }, "\(directory.files())")
    }
}
