import Engine
import FileSystem
import Foundation
package import Machine
import Recipes

/// Says on which engine the steps of a run are computed, and why.
///
/// A recipe that allows bfloat16 products is tried first: the same batches go through steps on ONNX Runtime in float32 and on OpenVINO in
/// bfloat16, from the same weights. The second is used where its losses follow those of the first, and it is faster. The decision belongs
/// to the run, so that it goes on with it after a kill.
package struct StepEngine: Codable, Sendable, Hashable {
    package var engine: EngineChoice
    /// How many times as fast its steps were as those of ONNX Runtime in float32; nil where nothing was tried.
    package var timesAsFast: Double?
    /// The sum of the differences of the losses by the sum of the losses in float32; nil where nothing was tried.
    package var lossDifference: Double?
    /// Why steps are computed in float32 although bfloat16 was allowed; nil where they are not.
    package var reason: String?

    /// The number of steps that are tried on each engine, without those that warm it up.
    private static let trialSteps = 12, warmUpSteps = 3
    /// The most that the losses may differ.
    private static let mostDifference = 0.02
    /// A gain that is smaller is within what measurements differ by.
    private static let leastGain = 1.03
    private static let file = "engine.json"

    /// Decides for a run, or returns what was decided when it began.
    /// - Parameters:
    ///   - machine: makes the machine of an engine.
    ///   - batch: returns a batch by its number; nil behind the last.
    static func decide(
        _ run: FineTuning, machine: (EngineChoice) throws(TrainingError) -> StepMachine,
        batch: (Int) throws(TrainingError) -> RowBatch?, check: () throws(TrainingError) -> Void
    ) throws(TrainingError) -> StepEngine? {
        guard run.recipe.precision == .bfloat16 else { return nil }
        if let known = try? run.folder.decode(StepEngine.self, from: file) { return known }
        let decided = try decide(run.recipe, machine, batch, check)
        try onDisk { () throws(FileSystemError) in
            let bytes = try JSONFile.encode(decided, for: run.folder.path(of: file))
            try run.folder.writeDurably(file) { opened throws(FileSystemError) in try opened.write(bytes) }
        }
        return decided
    }

    private static func decide(
        _ recipe: GradientDescent, _ machine: (EngineChoice) throws(TrainingError) -> StepMachine,
        _ batch: (Int) throws(TrainingError) -> RowBatch?, _ check: () throws(TrainingError) -> Void
    ) throws(TrainingError) -> StepEngine {
        var decided = StepEngine(engine: .onnxRuntime)
        guard Processor.multipliesBFloat16() else {
            decided.reason = "this processor has no products of bfloat16 numbers, so that they would be slower"
            return decided
        }
        do throws(EngineError) { try OpenVINO.start() } catch {
            decided.reason = "\(error)"
            return decided
        }
        let fast = EngineChoice.openVINO(.bfloat16)
        let other: Trial
        do throws(TrainingError) { other = try Trial(try machine(fast), recipe, batch, check) } catch {
            if case .cancelled = error { throw error }
            decided.reason = "\(fast) cannot compute its steps: \(error.reason)"
            return decided
        }
        let float = try Trial(try machine(.onnxRuntime), recipe, batch, check)
        let difference = zip(float.losses, other.losses).reduce(0) { $0 + abs($1.0 - $1.1) }
        let sum = float.losses.reduce(0) { $0 + abs($1) }
        decided.lossDifference = difference == 0 ? 0 : difference / max(sum, .leastNormalMagnitude)
        decided.timesAsFast = float.seconds / max(other.seconds, .leastNormalMagnitude)
        if !(decided.lossDifference ?? 0 <= mostDifference) {
            decided.reason =
                "the losses of \(float.losses.count) steps in bfloat16 differ from those in float32 by more than \(mostDifference)"
        } else if decided.timesAsFast ?? 0 < leastGain {
            decided.reason = "steps in bfloat16 are not faster here"
        } else {
            decided.engine = fast
        }
        return decided
    }

    /// Holds what some steps from the model's own weights gave.
    private struct Trial {
        var losses: [Double] = []
        /// The median time of a step, in seconds.
        var seconds = 0.0

        init(
            _ machine: StepMachine, _ recipe: GradientDescent, _ batch: (Int) throws(TrainingError) -> RowBatch?,
            _ check: () throws(TrainingError) -> Void
        ) throws(TrainingError) {
            var times: [Double] = []
            for number in 0..<StepEngine.warmUpSteps + StepEngine.trialSteps {
                try check()
                guard let rows = try batch(number) else { break }
                let start = ContinuousClock.now
                let answer = try machine.run(rows, learningRate: recipe.schedule.peak, number: number, apply: true, cancellation: nil)
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                losses.append(answer.loss)
                if number >= StepEngine.warmUpSteps { times.append(seconds) }
            }
            guard !times.isEmpty else {
                self.seconds = 1
                return
            }
            self.seconds = times.sorted()[times.count / 2]
        }
    }
}

extension StepEngine: CustomStringConvertible {
    package var description: String {
        let times = timesAsFast.map { ", \(($0 * 100).rounded() / 100) times as fast as onnxruntime float32" } ?? ""
        return "\(engine)" + (reason.map { ": \($0)" } ?? times)
    }
}
