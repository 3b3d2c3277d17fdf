import ArgumentParser
import Attempts
import Foundation
import PipelineConfig
import Reports
import Runner
import Terminal

extension LintCommand: Computes {
    func compute() throws {
        let patterns = root.folder.patterns(pipelines)
        guard !patterns.isEmpty || RootFile.load(root: root.path).exists else {
            throw fail(
                "there is no \(shownPath(root.path + "/pipelines")). Name pipeline files, or make one with millrace init.",
                ExitStatus.badConfiguration)
        }
        var report = LintReport.lint(patterns, root: root.path)
        if let model { report = report.adding(try problems(of: model, in: report.pipelines)) }
        output.json ? try printJSON(report) : print(report)
        if !report.isClean { throw ExitStatus.badConfiguration }
    }

    /// Returns what would keep each pipeline with a `forward` stage from scoring with the model.
    private func problems(
        of model: String, in pipelines: [Pipeline]
    ) throws -> [(pipeline: Pipeline, key: String, fault: String, remedy: String)] {
        guard FileManager.default.fileExists(atPath: model) else { throw fail("\(model): there is no such file.") }
        var found: [(pipeline: Pipeline, key: String, fault: String, remedy: String)] = []
        for pipeline in pipelines {
            guard let forward = pipeline.forward else { continue }
            do throws(Failure) {
                let problems = try ModelCheck.problems(model: model, schema: pipeline.schema, forward: forward)
                found += problems.map { (pipeline, $0.key, $0.what, $0.remedy) }
            } catch { throw fail(error) }
        }
        return found
    }
}
