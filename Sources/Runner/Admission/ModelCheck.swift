package import Attempts
import Engine
import Foundation
import ONNX
package import PipelineConfig
import Reasons
package import Recipes

/// Says what the daemon would find wrong with a model that arrives in a pipeline, for commands that ask before it does.
package enum ModelCheck {
    /// Returns the reasons why the model could not be scored as `schema` and `forward` say. Throws where it cannot be loaded at all.
    package static func problems(model path: String, schema: RowSchema, forward: ForwardStage) throws(Failure) -> [AdmissionProblem] {
        let file = try ModelFile(tuned: ModelSource(named: NamedModel(path)), expected: nil)
        let model = try file.parsed()
        do throws(ONNXError) {
            try model.safetyCheck()
            try model.costCheck()
        } catch { throw Failure(model: error, place: path) }
        let (session, facts) = try file.session(options: SessionOptions(threads: ProcessInfo.processInfo.activeProcessorCount))
        let admission: Admission
        do throws(AdmissionRefusal) {
            admission = try Admission(
                inputs: session.inputs, outputs: session.outputs, unranked: facts.unranked, schema: schema, mappings: forward.outputs)
        } catch { return error.problems }
        do throws(EngineError) { return try MadeUpRows(admission: admission).find(admission.run(on: session))?.problems ?? [] } catch {
            throw Failure(outgrowing: error, place: path)
        }
    }
}
