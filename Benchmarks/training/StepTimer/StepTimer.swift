import Engine
import Foundation
import Machine
import ONNX
import Recipes
import Tensors
import TrainingGraph

/// `step-timer MODEL DATA sgd|adamw THREADS STEPS [float32|bfloat16]`: trains an exported classifier on one batch and prints times of steps and
/// memory as JSON. DATA holds the batch as initializers `x` and `target`. With a sixth argument, `float32` or `bfloat16`, OpenVINO executes
/// the steps, in that precision.
@main
enum StepTimer {
    struct Report: Encodable {
        let losses: [Double]
        let seconds: [Double]
        /// Resident bytes with model and engine loaded, before the step graph is built, and at most.
        let before: Int
        let peak: Int
        let buildSeconds: Double
        let nodes: Int
        let gradientForms: [String: String]
    }

    struct Misused: Error {}

    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 6, let threads = Int(arguments[4]), let steps = Int(arguments[5]) else { throw Misused() }
        let model = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: arguments[1])))
        let data = try Model(serialized: Data(contentsOf: URL(fileURLWithPath: arguments[2])))
        guard let x = try data.graph.initializer("x")?.tensor(), let target = try data.graph.initializer("target")?.tensor() else {
            throw Misused()
        }
        let isPlain = arguments[3] == "sgd"
        try ONNXRuntime.start()
        let before = memory("VmRSS")
        let clock = ContinuousClock()
        let start = clock.now
        let recipe = GradientDescent(
            loss: .crossEntropy(), optimizer: isPlain ? .sgd() : .adamw(), learningRate: 1e-3, weightDecay: isPlain ? 0 : 0.01
        ) {
            // A model without the operator refuses the setting.
            if model.graph.nodes.contains(where: { $0.operatorType == "BatchNormalization" }) { $0.batchNormalization = .affine }
        }
        let graph = try StepGraph(model, recipe)
        let precision = arguments.count > 6 ? EngineChoice.Precision(rawValue: arguments[6]) : nil
        if arguments.count > 6, precision == nil { throw Misused() }
        let slots = graph.slots.map {
            StatefulSession.Slot(
                name: $0.name, input: $0.input, output: $0.output, elementType: $0.elementType, shape: $0.shape,
                overwrites: $0.isOverwritable && precision == nil)
        }
        let session = try StatefulSession(
            Session(
                model: graph.step.serialized(), options: .training(threads: threads, on: precision.map { .openVINO($0) } ?? .onnxRuntime)),
            slots: slots, constants: graph.heldValues(), outputs: [graph.signature.loss])
        for slot in graph.slots { if let value = try graph.initialValue(of: slot) { try session.write([slot.name: value]) } }
        let built = clock.now - start

        guard let targetName = graph.signature.target?.name, let weightName = graph.signature.sampleWeight else { throw Misused() }
        let rows = x.shape.dimensions[0]
        let batch: [(name: String, tensor: Tensor)] = [
            ("x", x), (targetName, target), (weightName, Tensor(.float32, [rows], [Float](repeating: 1, count: rows))),
            (graph.signature.learningRate, Tensor(.float32, [], [isPlain ? 0.01 : 0.001] as [Float])),
        ]
        var losses: [Double] = [], seconds: [Double] = []
        for step in 0..<steps + 3 {
            let start = clock.now
            let loss = try session.run(batch)[0].values(as: Float.self)?.first ?? .nan
            let passed = clock.now - start
            if step >= 3 { seconds.append(passed.seconds) }
            if step < 3 || step == steps + 2 { losses.append(Double(loss)) }
        }
        let report = Report(
            losses: losses, seconds: seconds, before: before, peak: memory("VmHWM"), buildSeconds: built.seconds,
            nodes: graph.step.graph.nodes.count, gradientForms: graph.gradientForms)
        print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
    }

    /// A line of /proc/self/status, in bytes.
    private static func memory(_ key: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
        return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) * 1024
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
