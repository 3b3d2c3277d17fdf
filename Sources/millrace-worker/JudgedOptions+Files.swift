import Attempts
import FileSystem
import Foundation
import PipelineConfig
import Recipes
import Reports
import SystemPackage
import Terminal

extension JudgedOptions {
    /// Returns the labelled rows by which ways of executing a model are judged; nil where no metric is asked for. All rows of the files
    /// are used: whoever names them knows that no training has seen them.
    func files(_ gate: GateOptions, _ inputs: ScoringInputs) throws -> JudgedFiles? {
        guard let gate = gate.metricGate else { return nil }
        var schema = inputs.schema
        let loss: Loss?, outputs: [String]
        if let pipeline = inputs.pipeline {
            guard schema.label != nil else {
                throw fail("the pipeline \(pipeline.name) names no label: schema: { label: COLUMN }.", ExitStatus.badConfiguration)
            }
            loss = pipeline.optimize?.gradient.loss
            outputs = pipeline.optimize?.gradient.outputs ?? []
        } else {
            schema.label = label.map(LabelledOptions.selection)
            schema.weight = weight
            schema.classes = classes.map(LabelledOptions.names)
            schema.keep = []
            loss = self.loss?.taking(severalLabels: label.map(LabelledOptions.selection)?.isSeveral ?? false)
            outputs = prediction
        }
        return try JudgedFiles(naming: labelled, schema: schema, loss: loss, outputs: outputs, gate: gate)
    }
}

extension JudgedFiles {
    /// Names labelled files as they stand.
    init(
        naming paths: [String], schema: RowSchema, loss: Loss?, outputs: [String], share: Double = 1, seed: Int = 0, gate: MetricGate
    ) throws {
        let files = try paths.map { path in
            try ScoringInputs.check(data: path)
            let path = CanonicalPaths.absolute(path, root: ".")
            return File(.init(path: path, digest: try FileDigest.of(FilePath(path)).digest))
        }
        self.init(files: files, schema: schema, loss: loss, outputs: outputs, share: share, seed: seed, gate: gate)
    }
}
