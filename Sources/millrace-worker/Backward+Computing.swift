import ArgumentParser
import FileSystem
import Foundation
import ONNX
import PipelineConfig
import Reasons
import Recipes
import Reports
import Runner
import SystemPackage
import Tensors
import Terminal
import Training
import TrainingGraph

extension Backward: Computes {
    func compute() throws {
        guard GradientFile.extensions.contains(where: out.hasSuffix) else {
            throw ValidationError("--out must end in .npz or .safetensors.")
        }
        try reportingErrors {
            let loaded = try loadedModel(model)
            do { try loaded.safetyCheck() } catch { throw fail("\(model): \(error)") }
            guard FileManager.default.fileExists(atPath: data) else { throw fail("\(data): there is no such file.") }
            if !force, FileManager.default.fileExists(atPath: out) { throw fail("\(out) is there. Name another file, or give --force.") }
            let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-backward-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: scratch) }
            let folder = try HeldFolder(FilePath(scratch))
            let answer: GradientQuery.Answer
            do throws(TrainingError) {
                answer = try query(loaded).run(scratch: folder)
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
