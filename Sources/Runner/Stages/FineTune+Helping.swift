import Attempts
import FileSystem
import Names
import PipelineConfig
import Recipes
import SystemPackage
import Training

extension FineTune {
    /// Helps another attempt, which trains, with the shares of its batches, until that one ends or something else is to be done.
    /// `rowCount` of the answer is the number of shares; nil where nobody trains.
    func help(_ result: inout AttemptResult) throws(Failure) {
        let connection: FileDescriptor?
        let checkpoints: any GivenFolder
        do throws(FileSystemError) {
            // It comes before it makes itself ready, so that others are not asked meanwhile.
            connection = try tools.opener.connection()
            checkpoints = try tools.opener.folder(.checkpoints)
        } catch {
            throw Failure(landing: error, place: tools.spec.place)
        }
        guard let connection else { return }
        let file = try model()
        let run = FineTuning(
            model: try file.parsed(), adapter: file.adapter?.adapter,
            data: tools.spec.schema.ofKeptRows.labelledData([], inputs: [], nanInputs: NameSet()),
            recipe: stage.gradient, gate: stage.gate, threads: tools.spec.limits.threads, folder: checkpoints)
        let control = TrainingControl(
            engine: tools.interruption.engine,
            isCancelled: { [interruption = tools.interruption] in
                interruption.control.step()
                // It does not let others go first and then go on: who trains would wait for it.
                return interruption.isEnded || interruption.control.turn?.isOver ?? false
            })
        do throws(TrainingError) { result.rowCount = Int64(try run.help(over: connection, control)) } catch {
            throw Failure(training: error, tools.spec)
        }
    }
}
