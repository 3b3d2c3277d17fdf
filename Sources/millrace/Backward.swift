import ArgumentParser
import Foundation
import ONNX
import PipelineConfig
import Reasons
import Recipes
import Reports
import Runner
import Tensors
import Training
import TrainingGraph

struct Backward: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The gradients of a model on given data: one array for each initializer, under its name.",
        discussion: """
            Of a loss (--loss, --label), or with --cotangent the vector-Jacobian product. DATA is a table, whose rows go through in batches, or an \
            .npz file of arrays named as the model's inputs, which go through in one run. Dropout and BatchNormalization are as in inference.
            Losses: \(LossArgument.names.joined(separator: ", ")).
            """)

    @Argument(help: "An ONNX model.", completion: .file()) var model: String
    @Argument(help: "The rows, or the arrays.", completion: .file()) var data: String
    @Option(name: .long, help: "What to differentiate.") var loss: LossArgument?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Cotangents of the outputs, arrays named as they are (.npz or .safetensors), in place of a loss.", valueName: "file"),
        completion: .file())
    var cotangent: String?
    @Option(name: .long, help: ArgumentHelp("The model output that the loss reads.", valueName: "output")) var prediction: [String] = []
    @OptionGroup var labelled: LabelledOptions
    @Flag(name: .long, help: "The gradients of the float inputs too.") var inputs = false
    @Option(name: .long, help: "Where the gradients go, .npz or .safetensors.", completion: .file()) var out: String
    @Option(name: .long, help: "Rows at a time.") var batchSize = 256
    @Option(name: .long, help: "Engine threads. Default: the cores.") var threads: Int?
    @Flag(name: .long, help: "Replace the file where it is there.") var force = false
    @OptionGroup var output: JSONFlag
    @OptionGroup var values: ValuesFlag

    func validate() throws {
        guard (loss == nil) != (cotangent == nil) else { throw ValidationError("Give --loss or --cotangent.") }
        guard cotangent == nil || labelled.label == nil && labelled.weight == nil else {
            throw ValidationError("--label and --weight are for a loss; --cotangent takes their place.")
        }
        guard batchSize >= 1, threads ?? 1 >= 1 else { throw ValidationError("--batch-size and --threads are at least 1.") }
        guard GradientFile.extensions.contains(where: out.hasSuffix) else {
            throw ValidationError("--out must end in .npz or .safetensors.")
        }
    }

    func run() throws {
        try reportingErrors {
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            guard FileManager.default.fileExists(atPath: data) else { throw fail("\(data): there is no such file.") }
            if !force, FileManager.default.fileExists(atPath: out) { throw fail("\(out) is there. Name another file, or give --force.") }
            let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-backward-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: scratch) }
            let answer: GradientQuery.Answer
            do throws(TrainingError) {
                answer = try query(loaded).run(scratch: scratch)
                try GradientFile.write(answer.gradients, to: out)
            } catch { throw failed(error, model, values) }
            try show(answer)
        }
    }

    private func query(_ loaded: Model) throws(TrainingError) -> GradientQuery {
        let seed: GradientQuery.Seed =
            if let cotangent { .cotangents(try GradientFile.read(cotangent)) } else {
                .loss(loss?.taking(severalLabels: labelled.hasSeveralLabels) ?? .meanSquaredError, outputs: prediction)
            }
        let given = labelled.data([data], nanInputs: ModelFacts(loaded).nanInputs)
        let isArrays = data.hasSuffix(".npz") || data.hasSuffix(".npy")
        return GradientQuery(
            model: loaded, seed: seed,
            data: isArrays
                ? .arrays(path: data, label: labelled.label, weight: labelled.weight, classes: given.schema.classes) : .table(given),
            withInputs: inputs, batchSize: batchSize, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
    }

    private func show(_ answer: GradientQuery.Answer) throws {
        struct Report: Encodable {
            struct Gradient: Encodable {
                let name: String
                let shape: [Int]
                let norm: Double
            }
            let output: String
            let loss: Double?
            let rows: Int?
            let gradients: [Gradient]
            let untouched: [String: String]
        }
        let gradients = answer.gradients.map { name, tensor in
            let squares = (0..<tensor.elementCount).reduce(0.0) { $0 + tensor.number($1) * tensor.number($1) }
            return Report.Gradient(name: name, shape: tensor.shape.dimensions, norm: squares.squareRoot())
        }
        if output.json {
            return try printJSON(
                Report(output: out, loss: answer.loss, rows: answer.rows, gradients: gradients, untouched: answer.untouched))
        }
        var facts = ["\(gradients.count) gradients"]
        if let loss = answer.loss { facts.append("loss \(loss)") }
        if let rows = answer.rows { facts.append("\(rows) rows") }
        print("\(out): \(facts.joined(separator: ", "))")
        var table = TextTable("NAME", "SHAPE", "NORM")
        for gradient in gradients { table.add(gradient.name, "\(Shape(gradient.shape))", String(format: "%.6g", gradient.norm)) }
        for line in table.lines { print(line) }
        for (name, reason) in answer.untouched.sorted(by: { $0.key < $1.key }) { print("no gradient for \(name): \(reason)") }
    }
}
