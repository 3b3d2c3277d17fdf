import Names
import PipelineConfig
import Recipes

/// Keeps which columns that `privacy` names were missing in a file, so that it is said once of each: some files may lack them for good
/// reason.
final class AbsentColumns {
    private var said: [String: NameSet] = [:]

    /// Returns those of `names` of which it was not said yet for the pipeline, under the `privacy` that it has.
    func news(_ names: [String], of pipeline: Pipeline) -> [String] {
        guard !names.isEmpty, let columns = pipeline.privacy.rows?.columns else { return [] }
        return names.filter { columns.contains($0) && said[pipeline.name, default: []].insert($0).inserted }
    }
}
