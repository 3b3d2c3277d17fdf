import Arrivals
import Attempts
import FileSystem
import Foundation
import Logging
import PipelineConfig
import SystemPackage
import TestSupport
import Testing

@testable import Daemon
@testable import Landing

/// The claims of one daemon on all its folders, and what it lands once one of them is another's.
@Suite struct FolderClaimsTests {
    private let directory: TemporaryDirectory
    private let timing = {
        var timing = FolderClaim.Timing()
        timing.beat = .milliseconds(100)
        timing.patience = .milliseconds(300)
        return timing
    }()

    init() throws { directory = try TemporaryDirectory("claims") }

    private func pipeline(_ name: String) throws -> Pipeline {
        let text = DiskWorld.yaml.replacing("name: p", with: "name: \(name)").replacing("spool/", with: "\(name)/spool/").replacing(
            "out/", with: "\(name)/out/")
        let pipeline = try PipelineFile.read(Array(text.utf8), source: "\(name).yaml", root: directory.path)
        try PipelineFolders.make([pipeline])
        return pipeline
    }

    private func claims(_ pipelines: [Pipeline], root: String = "/one") throws -> FolderClaims {
        try FolderClaims(root: root, pipelines: pipelines, timing: timing, log: Logger(label: "claims") { _ in SwiftLogNoOpLogHandler() })
    }

    private var held: [String] { directory.files().filter { $0.hasSuffix("claim/holder") } }

    /// Another process takes the folder over, as after this one hung for longer than anyone waits.
    private func takeOver(_ folder: String) throws {
        let holder = directory(folder + "/_millrace/claim/holder")
        var other = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: holder))) as? [String: Any])
        try FileManager.default.removeItem(atPath: directory(folder + "/_millrace/claim"))
        try FileManager.default.createDirectory(atPath: directory(folder + "/_millrace/claim"), withIntermediateDirectories: true)
        let inode = try #require(try Disk.status(FilePath(directory(folder + "/_millrace/claim")))).stamp.inode
        other["token"] = "another"
        other["inode"] = inode
        try JSONSerialization.data(withJSONObject: other).write(to: URL(fileURLWithPath: holder))
    }

    @Test func nothingLandsInAFolderThatAnotherHasTakenOver() throws {
        let pipeline = try self.pipeline("p"), other = try self.pipeline("q")
        let publisher = try DiskPublisher(root: directory.path, pipelines: [pipeline, other], claims: try claims([pipeline, other]))
        func output(_ pipeline: Pipeline, run: Int64) throws -> StagedOutput {
            let staged = try publisher.stagingPath(run: run, attempt: 1, pipeline: pipeline, goal: .score)
            try Data("id,y\n".utf8).write(to: URL(fileURLWithPath: staged))
            return StagedOutput(
                run: run, staged: FilePath(staged),
                file: OutputFile(
                    root: pipeline.land.outputs!.path, path: "a\(run).csv", digest: try FileDigest.of(FilePath(staged)).digest, byteCount: 5
                ),
                provenance: Provenance(
                    pipeline: pipeline.name, input: "a.csv", inputDigest: "in", rows: 0, modelVersion: 1, modelDigest: nil, revision: "r",
                    arrival: 1))
        }
        func published(_ outputs: [StagedOutput]) throws -> [Bool] {
            try publisher.publish(outputs).map { if case .success = $0 { true } else { false } }
        }
        #expect(try published([output(pipeline, run: 1)]) == [true])
        try takeOver("p/out/outputs")
        let (mine, others) = (try output(pipeline, run: 2), try output(other, run: 3))
        let results = try publisher.publish([mine, others])
        guard case .failure(.claimed) = results[0], case .success = results[1] else {
            Issue.record("\(results)")
            return
        }
        #expect(directory.files().contains("q/out/outputs/a3.csv") && !directory.files().contains("p/out/outputs/a2.csv"))
        // Neither does a version, where its folder is another's.
        let model = try publisher.stagingPath(run: 4, attempt: 1, pipeline: pipeline, goal: .validateModel)
        try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
        try Data("graph".utf8).write(to: URL(fileURLWithPath: model + "/model.onnx"))
        let decided = StagedModel(
            pipeline: pipeline, version: 1, run: 4, arrival: 1,
            file: ArrivedFile(SpoolPlace("p/model", "m.onnx"), digest: "d", stamp: .none), revision: "r",
            files: [.init(slot: "model", path: model + "/model.onnx", digest: FileDigest.of(bytes: "graph".utf8), byteCount: 5)])
        try takeOver("p/out/models")
        let refusal = #expect(throws: FileSystemError.self) { try publisher.publish(decided, activate: true) }
        #expect(refusal.map { if case .claimed = $0 { true } else { false } } == true)
        #expect(!directory.files().contains { $0.hasPrefix("p/out/models/1/") || $0 == "p/out/models/ACTIVE" })
    }

    /// Where one folder is another's, none of the new ones is kept, and those from before are.
    @Test func anEditIsClaimedWholeOrNotAtAll() throws {
        let (p, q, r) = (try self.pipeline("p"), try self.pipeline("q"), try self.pipeline("r"))
        let other = try claims([r], root: "/other")
        let mine = try claims([p])
        let before = held
        #expect(before.count == 8)
        #expect(throws: FileSystemError.self) { try mine.use([p, q, r]) }
        #expect(held == before)
        try mine.use([q])
        #expect(held.filter { $0.hasPrefix("p/") }.isEmpty && held.filter { $0.hasPrefix("q/") }.count == 4, "\(held)")
        try withExtendedLifetime(other) { try mine.use([]) }
        #expect(held.allSatisfy { $0.hasPrefix("r/") } && held.count == 4, "\(held)")
    }
}
