import Attempts
import FileSystem
import PipelineConfig
import Recipes
import SystemPackage
import TestSupport
import Testing

@testable import Runner

/// Ranges are found from a few rows at a time: sixteen times as many take no more memory.
@Suite(.serialized) struct CalibrationMemoryTests {
    private static let peak = PeakMemory(test: "RunnerTests.CalibrationMemoryTests/child")

    @Test func memoryDoesNotGrowWithTheRows() throws {
        guard Self.peak.task == nil else { return }
        var peaks: [Int] = []
        for count in [500, 8000] {
            let scene = try FormScene(
                Perceptron.model(), rows: (0..<count).map { row in (0..<Perceptron.width).map { Float(($0 + row) % 7) / 7 } })
            peaks.append(try Self.peak.measure([scene.directory.path]))
        }
        print("peaks of 500 and 8000 rows: \(peaks[0] >> 10) and \(peaks[1] >> 10) KiB")
        // All that the model computes for 7500 rows more would be 8 MiB, and what was read of them is not kept either.
        #expect(peaks[1] < peaks[0] + (4 << 20))
    }

    /// What the child does.
    @Test(.enabled(if: peak.task != nil)) func child() throws {
        let folder = Self.peak.task![0]
        func file(_ name: String) throws -> AttemptSpec.InputFile {
            .init(path: folder + "/" + name, digest: try FileDigest.of(FilePath(folder + "/" + name)).digest)
        }
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .rewrite(
                .init(
                    model: try file("model.onnx"), data: try file("rows.csv"), comparedRows: 100_000, form: .int8Static,
                    directory: folder + "/made")),
            schema: FormScene.schema, stages: [.forward(.init())])
        let result = LocalExecutor(sessionBytes: 1 << 30).execute(spec, cancellation: AttemptCancellation())
        try #require(result.failure == nil, "\(String(describing: result.failure))")
        try Self.peak.report()
    }
}
