import Engine
import FileSystem
import Foundation
import Machine
import ONNX
import Recipes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Training

/// A recipe that allows bfloat16 products: which engine computes the steps, and what comes of it.
@Suite struct StepEngineTests {
    private static let isPossible = OpenVINO.isThere && Processor.multipliesBFloat16()

    private func run(
        _ directory: TemporaryDirectory, _ precision: GradientDescent.Precision, folder: String, decided: StepEngine? = nil
    ) throws -> FineTuning {
        try tuning(directory, rows: Models.rows(300), folder: folder) {
            $0.recipe.precision = precision
            $0.recipe.epochs = 6
            if let decided, let bytes = try? JSONFile.encode(decided, for: "engine.json") {
                try? Data(bytes).write(to: URL(fileURLWithPath: directory(folder + "/engine.json")))
            }
        }
    }

    /// Without the key nothing is tried, and runs from before there was one go on.
    @Test func float32IsNotTried() throws {
        let directory = try TemporaryDirectory("step-engine")
        let plain = try run(directory, .float32, folder: "a")
        #expect(try plain.run().engine == nil)
        #expect(!FileManager.default.fileExists(atPath: directory("a/engine.json")))
        let text = String(decoding: try JSONFile.encode(plain.recipe, for: "recipe"), as: UTF8.self)
        #expect(!text.contains("recision"))
        var allowed = plain.recipe
        allowed.precision = .bfloat16
        #expect(allowed != plain.recipe && allowed.precision == .bfloat16)
        allowed.precision = .float32
        #expect(allowed == plain.recipe)
    }

    /// What was decided when the run began says why, and holds for the whole run.
    @Test func theDecisionBelongsToTheRun() throws {
        let directory = try TemporaryDirectory("step-engine")
        let tuning = try run(directory, .bfloat16, folder: "a")
        let engine = try #require(try tuning.run().engine)
        #expect(engine.engine != .onnxRuntime || engine.reason != nil)
        if Self.isPossible, engine.reason?.contains("cannot compute") != true {
            #expect(engine.timesAsFast ?? 0 > 0 && engine.lossDifference.map { $0 >= 0 } == true, "\(engine)")
        }
        let kept = try JSONFile.decode(StepEngine.self, from: .init(directory("a/engine.json")))
        #expect(kept == engine)
        // What is kept is not tried again, however fast the machine is by now.
        let other = StepEngine(engine: .onnxRuntime, reason: "the test says so")
        let outcome = try run(directory, .bfloat16, folder: "b", decided: other).run()
        #expect(outcome.engine == other)
        let float = try run(directory, .float32, folder: "c").run()
        #expect(try outcome.model.serialized() == float.model.serialized())
    }

    /// Steps in bfloat16 learn what those in float32 learn, and are taken up again where they were taken back.
    @Test(.enabled(if: isPossible, "no OpenVINO, or no bfloat16 products")) func bfloat16Learns() throws {
        let directory = try TemporaryDirectory("step-engine")
        let fast = StepEngine(engine: .openVINO(.bfloat16))
        let whole = try run(directory, .bfloat16, folder: "whole", decided: fast).run()
        let float = try run(directory, .float32, folder: "float").run()
        let (losses, wanted) = (whole.history.compactMap(\.trainingLoss), float.history.compactMap(\.trainingLoss))
        #expect(losses.count == 6 && losses != wanted)
        for (loss, right) in zip(losses, wanted) { #expect(abs(loss - right) < 0.05 * max(right, 0.2), "\(losses) \(wanted)") }
        #expect(try #require(whole.after[.accuracy]) > #require(float.after[.accuracy]) - 0.05)
        let asked = Mutex(0)
        let taken = try run(directory, .bfloat16, folder: "taken", decided: fast)
        #expect(throws: TrainingError.cancelled) {
            try taken.run(
                TrainingControl(isCancelled: {
                    asked.withLock {
                        $0 += 1; return $0 > 30
                    }
                }))
        }
        let resumed = try taken.run()
        #expect(resumed.resumedAt > 0)
        #expect(try resumed.model.serialized() == whole.model.serialized())
    }
}
