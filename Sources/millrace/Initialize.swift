import ArgumentParser
import Columnar
import Foundation
import ONNX
import PipelineConfig
import Runner

struct Initialize: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a first pipeline, fitted to a model and its data, and make its folders.")

    @Argument(help: "An ONNX model.") var model: String
    @Argument(help: "A data file like those that will be dropped.") var data: String?
    @Option(name: .long, help: "The pipeline's name. Default: the model's file name.") var name: String?
    @OptionGroup var root: RootOption
    @Flag(name: .long, help: "Replace a pipeline file that is there.") var force = false

    func run() throws {
        try worded {
            let name = try chosenName()
            let inspection = try loadedModel(model).inspection()
            let text = PipelineTemplate.render(
                name: name, inputs: inspection.inputs.map(\.modelPort), outputs: inspection.outputs.map(\.modelPort), columns: try columns())
            let file = root.path + "/pipelines/" + name + ".yaml"
            let pipeline = try PipelineFile.read(Array(text.utf8), source: shownPath(file), root: root.path)
            try write(text, to: file)
            for folder in CanonicalPaths.folders(of: pipeline) {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
            show(file, pipeline, try refusals(pipeline))
        }
    }

    /// What the daemon would say of the model in this pipeline.
    private func refusals(_ pipeline: Pipeline) throws -> [String] {
        do throws(Failure) {
            return try ModelCheck.problems(model: model, schema: pipeline.schema, forward: pipeline.forward ?? ForwardStage())
                .map { "the model would be rejected: \($0.what). \($0.remedy)" }
        } catch {
            return ["the model would be rejected: \(error)"]
        }
    }

    private func chosenName() throws -> String {
        guard let name else { return PipelineTemplate.name(ofModel: model) }
        guard PipelineTemplate.name(ofModel: name) == name else {
            throw fail(
                "\(name) cannot be a pipeline's name: letters, digits, - and _ only, beginning with a letter or digit. "
                    + "\(PipelineTemplate.name(ofModel: name)) could.", ExitStatus.badConfiguration)
        }
        return name
    }

    /// Arrays have no columns: they are bound by their names.
    private func columns() throws -> [DataColumn] {
        guard let data, TableFormat(fileName: data)?.isArrays != true else { return [] }
        return try TableReader(path: data).schema.fields.map { DataColumn(name: $0.name, isNumeric: $0.type.isNumeric) }
    }

    private func write(_ text: String, to file: String) throws {
        try FileManager.default.createDirectory(atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        if !force, FileManager.default.fileExists(atPath: file) {
            throw fail("\(shownPath(file)) is there. Give another --name, or --force to replace it.")
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: force ? .atomic : .withoutOverwriting)
    }

    private func show(_ file: String, _ pipeline: Pipeline, _ refusals: [String]) {
        let shown = shownPath(file)
        print("wrote \(shown)")
        print("made  \(CanonicalPaths.folders(of: pipeline).map(shownPath).joined(separator: "\n      "))")
        let problems = LintReport.lint([root.path + "/pipelines"], root: root.path).problems
        for problem in problems.map(\.description) + refusals { print("note  \(problem)") }
        print("next  look through \(shown), then")
        print("      millrace lint \(shown)\(root.asOption)")
        print("      millrace run \(shown)\(root.asOption)")
        if let spool = pipeline.spool.models { print("      cp \(model) \(shownPath(spool.path))/") }
        if let spool = pipeline.spool.data { print("      cp \(data ?? "DATA") \(shownPath(spool.path))/") }
    }
}

extension Inspection.Port {
    fileprivate var modelPort: ModelPort {
        ModelPort(name: name, elementType: elementType ?? type, dimensions: dimensions?.map { Int($0) } ?? [nil, nil])
    }
}
