import Attempts
import FileSystem
import Glibc
import PipelineConfig
import Recipes
import SystemPackage
import Testing

@testable import WorkerProcesses

/// Those who train and those who help them get the two ends of one connection, and nobody else gets any.
@Suite struct HelperMeetingsTests {
    private func spec(_ run: Int64, shares: Int) -> AttemptSpec {
        let files = AttemptSpec.ModelFiles(model: .init(path: "/m.onnx", digest: "m"), directory: "/out")
        let gradient = GradientDescent(loss: .meanSquaredError) { $0.shares = shares }
        return AttemptSpec(
            run: run, attempt: 1, pipeline: "p",
            work: .fineTune(files, training: .init(labelled: [], subject: nil, checkpoints: "/checkpoints")), schema: .init(),
            stages: [.optimize(OptimizeStage(gradient: gradient, gate: Gate(rowsAtLeast: 1)))])
    }

    @Test func bothGetOneConnection() throws {
        let meetings = HelperMeetings()
        #expect(meetings.come(to: 1) == nil, "nobody trains")
        #expect(meetings.next(for: spec(1, shares: 2)) == nil, "nobody has come")
        let helper = try #require(meetings.come(to: 1))
        #expect(meetings.next(for: spec(2, shares: 2)) == nil, "it has come to another run")
        let trainer = try #require(meetings.next(for: spec(1, shares: 2)))
        #expect(meetings.next(for: spec(1, shares: 2)) == nil)
        defer { Disk.close(trainer) }
        _ = try helper.writeAll([7])
        var byte: [UInt8] = [0]
        #expect(try byte.withUnsafeMutableBytes { try trainer.read(into: $0) } == 1 && byte == [7])
        Disk.close(helper)
        #expect(try byte.withUnsafeMutableBytes { try trainer.read(into: $0) } == 0, "the one end is held by nobody else")
    }

    @Test func whoeverComesWhenItIsOverIsToldSo() throws {
        let meetings = HelperMeetings()
        #expect(meetings.next(for: spec(1, shares: 2)) == nil)
        let helper = try #require(meetings.come(to: 1))
        defer { Disk.close(helper) }
        meetings.end(1)
        var byte: [UInt8] = [0]
        #expect(try byte.withUnsafeMutableBytes { try helper.read(into: $0) } == 0)
        #expect(meetings.come(to: 1) == nil)
        // A training whose batches are whole has no helpers.
        #expect(meetings.next(for: spec(3, shares: 1)) == nil)
        #expect(meetings.come(to: 3) == nil && spec(3, shares: 1).helping == nil)
    }

    @Test func aHelpingSpecReadsAndWritesNothingElse() throws {
        let helping = try #require(spec(1, shares: 2).helping)
        #expect(helping.isHelp && helping.yields && helping.limits.seconds == nil)
        let files = NamedFiles(helping)
        for file in [AttemptFile.data, .output, .temporary, .rows, .labels(0), .written(.graph)] {
            #expect(throws: FileSystemError.self) { try files.open(file) }
        }
        #expect(throws: FileSystemError.self) { try files.folder(.version) }
        #expect(throws: FileSystemError.self) { try files.folder(.labels) }
        #expect(!helping.mayBeAnswered(with: AttemptResult(files: [.init(slot: "model", path: "/out/m", digest: "", byteCount: 1)])))
    }
}
