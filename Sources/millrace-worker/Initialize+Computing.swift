import ArgumentParser
import Attempts
import Foundation
import ONNX
import PipelineConfig
import Reasons
import Reports
import Runner
import Terminal

extension Initialize: Computes {
    func compute() throws {
        try reportingErrors {
            let name = try chosenName()
            let loaded = try loadedModel(model)
            let draft = PipelineTemplate.draft(name: name, model: ModelSignature(loaded), data: try data.map { try DataSample(file: $0) })
            let file = root.path + "/pipelines/" + name + ".yaml"
            let pipeline = try PipelineFile.read(
                Array(draft.text.utf8), source: shownPath(file), root: root.path, defaults: RootFile.load(root: root.path).settings)
            try write(draft.text, to: file)
            for folder in CanonicalPaths.folders(of: pipeline) {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            show(file, pipeline)
            for doubt in draft.doubts { print("look  \(doubt)") }
            show(try AdmissionCheck.verdict(model: model, companions: loaded.externalDataLocations, data: data, pipeline: pipeline))
            showNext(file, pipeline)
        }
    }

    private func chosenName() throws -> String {
        guard let name else { return PipelineTemplate.name(ofModel: model) }
        guard PipelineTemplate.isName(name) else {
            throw fail(
                "\(name) cannot be a pipeline's name: letters, digits, - and _ only, beginning with a letter or digit. "
                    + "\(PipelineTemplate.name(ofModel: name)) could.", ExitStatus.badConfiguration)
        }
        return name
    }

    private func write(_ text: String, to file: String) throws {
        try FileManager.default.createDirectory(atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        if !force, FileManager.default.fileExists(atPath: file) {
            throw fail("\(shownPath(file)) is there. Give another --name, or --force to replace it.")
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: force ? .atomic : .withoutOverwriting)
    }

    private func show(_ file: String, _ pipeline: Pipeline) {
        let shown = shownPath(file)
        print("wrote \(shown)")
        for (index, folder) in CanonicalPaths.folders(of: pipeline).enumerated() {
            print("\(index == 0 ? "made " : "     ") \(shownPath(folder))")
        }
        let problems = LintReport.lint([root.path + "/pipelines"], root: root.path).problems
        for problem in problems { print("note  \(problem)") }
    }

    /// Prints what the daemon would say about the model and the data.
    private func show(_ verdict: AdmissionCheck.Verdict) {
        switch verdict {
        case .taken(let rows): print("tried the model would be taken, and all \(rows ?? 0) rows of \(data ?? "the data") scored")
        case .untried(let why): print("tried the model would be taken; no rows were scored: \(why)")
        case .modelRefused(let failure): print("tried the model would be rejected: \(failure.statement.sentence)")
        case .dataRefused(let failure): print("tried the model would be taken, and the data refused: \(failure.statement.sentence)")
        }
    }

    private func showNext(_ file: String, _ pipeline: Pipeline) {
        let shown = shownPath(file)
        print("next  look through \(shown), then")
        print("      millrace lint \(shown)\(root.asOption)")
        print("      millrace run \(shown)\(root.asOption)")
        if let spool = pipeline.spool.models { print("      cp \(model) \(shownPath(spool.path))/") }
        if let spool = pipeline.spool.data { print("      cp \(data ?? "DATA") \(shownPath(spool.path))/") }
    }
}
