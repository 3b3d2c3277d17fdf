import ConformanceSupport
import Engine
import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

@testable import Autodiff

/// Compares gradients with central differences: the sum of the outputs, each weighted by a fixed random cotangent, along fixed random
/// directions of one input at a time.
struct GradientCheck {
    let model: Model
    /// Values of the graph's inputs.
    let inputs: [(name: String, tensor: Tensor)]
    /// Inputs to differentiate by.
    let wanted: [String]
    /// Outputs that count.
    let outputs: [String]
    /// Steps to try: a kink between the two ends of one disappears in a smaller one, which a wrong gradient does not.
    var steps = [2e-2]
    var tolerance = 4e-3
    /// Seeds of the directions along which each input is moved.
    var directions: [UInt64] = [3, 4]
    /// Whether what rounding makes of the outputs is allowed for, relative to their size and the step.
    var allowsForRounding = false
    var optimization = SessionOptions.Optimization.all
    /// Makes gradients wrong by a factor, to see that this is noticed.
    var distortion = 1.0
    /// Whether an input without a gradient must then be one that nothing depends on; else it is a fault.
    var takesMissingAsZero = false

    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    /// Throws `Mismatch` for the first gradient that differs; returns the largest relative error.
    @discardableResult
    func run(options: GradientOptions = GradientOptions()) throws -> Double {
        let forward = try session(model)
        let plain = try run(forward, inputs, outputs)
        var gradientModel = model
        var seeds: [String: String] = [:]
        var weights: [String: [Double]] = [:]
        var given = inputs
        for (position, name) in outputs.enumerated() {
            let seed = "cotangent of \(name)"
            seeds[name] = seed
            let values = Self.random(plain[position].elementCount, seed: UInt64(77 + position))
            weights[name] = values
            gradientModel.graph.inputs.append(Value(seed, .tensor(plain[position].elementType, plain[position].shape)))
            given.append((seed, tensor(values, like: plain[position])))
        }
        let gradients = try ReverseMode.append(to: &gradientModel, seeds: seeds, for: wanted, options: options)
        let missing = wanted.filter { gradients[$0] == nil }
        guard takesMissingAsZero || missing.isEmpty else { throw Mismatch(description: "no gradient for \(missing)") }
        // One value may be the gradient of several.
        let names = Set(gradients.names.values).sorted()
        gradientModel.graph.outputs = try names.map { name in
            let of = try #require(gradients.names.first { $0.value == name }?.key)
            return Value(name, .tensor(try #require(inputs.first { $0.name == of }).tensor.elementType, nil))
        }
        let values = Dictionary(uniqueKeysWithValues: zip(names, try run(session(gradientModel), given, names)))

        let size = zip(outputs, plain).reduce(0) { sum, pair in
            sum + zip(pair.1.doubles, weights[pair.0] ?? []).reduce(0) { $0 + ($1.0 * $1.1) * ($1.0 * $1.1) }
        }.squareRoot()
        var worst = 0.0
        for name in wanted {
            let position = try #require(inputs.firstIndex { $0.name == name })
            let base = inputs[position].tensor
            let gradient = try gradients[name].flatMap { values[$0] } ?? #require(Tensor(zeros: base.elementType, shape: base.shape))
            guard gradient.shape == base.shape, gradient.elementType == base.elementType else {
                throw Mismatch(description: "the gradient of \(name) is \(gradient.elementType.name)\(gradient.shape), not \(base.shape)")
            }
            let slope = gradient.doubles.map { $0 * distortion }
            for seed in directions {
                let direction = Self.random(base.elementCount, seed: seed)
                func loss(_ scale: Double) throws -> Double {
                    var moved = inputs
                    let numbers = zip(base.doubles, direction).map { $0 + scale * $1 }
                    moved[position].tensor = tensor(numbers, like: base)
                    let results = try run(forward, moved, outputs)
                    return zip(outputs, results).reduce(0) { sum, pair in
                        sum + zip(pair.1.doubles, weights[pair.0] ?? []).reduce(0) { $0 + $1.0 * $1.1 }
                    }
                }
                let analytic = zip(slope, direction).reduce(0) { $0 + $1.0 * $1.1 }
                let usual = slope.reduce(0) { $0 + $1 * $1 }.squareRoot() * 0.6
                var error = Double.infinity, numeric = 0.0
                for step in steps where !(error <= tolerance) {
                    // Exact for polynomials up to the fourth degree.
                    let near = try loss(step) - loss(-step), far = try loss(2 * step) - loss(-2 * step)
                    numeric = (8 * near - far) / (12 * step)
                    let rounding = allowsForRounding && base.elementType == .float32 ? size * 1.2e-7 / step : 0
                    error = max(abs(numeric - analytic) - rounding, 0) / max(abs(numeric), usual, 1e-3)
                    if numeric.isNaN || analytic.isNaN { error = .nan }
                }
                guard error <= tolerance else {
                    throw Mismatch(
                        description: "by \(name): \(analytic) along a direction, but differences give \(numeric) (relative \(error))")
                }
                worst = max(worst, error)
            }
        }
        return worst
    }

    private func session(_ model: Model) throws -> Session {
        try Session(model: model.serialized(), options: SessionOptions(optimization: optimization))
    }

    private func run(_ session: Session, _ inputs: [(name: String, tensor: Tensor)], _ outputs: [String]) throws -> [Tensor] {
        let known = Set(session.inputs.map(\.name))
        let values = inputs.filter { known.contains($0.name) }.map { (name: $0.name, value: EngineValue.tensor($0.tensor)) }
        return try session.run(values, outputs: outputs).compactMap(\.tensor)
    }

    private func tensor(_ values: [Double], like other: Tensor) -> Tensor {
        other.elementType == .float64
            ? Tensor(.float64, other.shape, values) : Tensor(.float32, other.shape, values.map { Float($0) })
    }

    static func random(_ count: Int, seed: UInt64) -> [Double] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Double.random(in: -1...1, using: &generator) }
    }
}

extension Tensor {
    var doubles: [Double] {
        switch elementType {
        case .float32: values(as: Float.self)?.map { Double($0) } ?? []
        case .float64: values(as: Double.self) ?? []
        default: []
        }
    }
}

extension GradientCase {
    /// Builds the row's model and checks it.
    func check(_ type: ElementType, _ openness: Openness) throws {
        var graph = Graph(name: "row")
        var inputs: [(name: String, tensor: Tensor)] = []
        var names: [String] = []
        var wanted: [String] = []
        for (position, operand) in operands.enumerated() {
            guard let operand else {
                names.append("")
                continue
            }
            let name = "x\(position)"
            names.append(name)
            let tensor = operand.tensor(operand.values(seed: UInt64(100 + position)), type)
            if operand.isConstant || !operand.isFloat && openness.rawValue < Openness.everything.rawValue {
                graph.initializers.append(StoredTensor(name, tensor))
                continue
            }
            inputs.append((name, tensor))
            if operand.isFloat && operand.isDifferentiable { wanted.append(name) }
            let extents: [Tensors.Dimension]? =
                switch openness {
                case .nothing: operand.shape.dimensions.map(Tensors.Dimension.fixed)
                // The rank of integers stays known: shapes and axes are lists.
                case .ranks where operand.isFloat: nil
                default: operand.shape.dimensions.indices.map { .symbolic("\(name)_\($0)") }
                }
            graph.inputs.append(Value(name, .tensor(tensor.elementType, extents)))
        }
        let outputs = (0..<outputCount).map { "y\($0)" }
        graph.nodes = [Node(operatorType, names, outputs, attributes)]
        let counted = (seeded ?? Array(outputs.indices)).map { outputs[$0] }
        graph.outputs = counted.map { Value($0, .tensor(type, nil)) }
        let isDouble = type == .float64
        try GradientCheck(
            model: Model(operatorSets: [OperatorSet(domain: "", version: opset)], graph: graph), inputs: inputs, wanted: wanted,
            outputs: counted, steps: [isDouble ? step / 10 : step], tolerance: isDouble ? 2e-5 : tolerance
        ).run()
    }
}

@Suite struct GradientCheckTests {
    @Test(arguments: GradientRows.all)
    func gradientsAgreeWithCentralDifferences(_ row: GradientCase) throws {
        for openness in [GradientCase.Openness.nothing, .shapes, .everything, .ranks] where openness.rawValue <= row.openness.rawValue {
            do { try row.check(.float32, openness) } catch { Issue.record("\(row.testDescription), open: \(openness): \(error)") }
        }
        if row.isSingleOnly { return }
        // A sharper look where the engine has the kernels.
        do { try row.check(.float64, .nothing) } catch let error as EngineError {
            switch error {
            case .unsupportedOperator: break
            default: Issue.record("\(row.testDescription), double: \(error)")
            }
        } catch { Issue.record("\(row.testDescription), double: \(error)") }
    }

    @Test func aGradientThatIsAPercentOffIsNoticed() throws {
        let graph = Graph(
            name: "g", nodes: [Node("Softmax", ["x"], ["y"])], inputs: [Value("x", .tensor(.float32, [4, 5]))],
            outputs: [Value("y", .tensor(.float32, [4, 5]))])
        let values = GradientCheck.random(20, seed: 9).map { Float($0) }
        var check = GradientCheck(
            model: Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph),
            inputs: [("x", Tensor(.float32, [4, 5], values))],
            wanted: ["x"], outputs: ["y"])
        try check.run()
        check.distortion = 1.01
        #expect(throws: GradientCheck.Mismatch.self) { try check.run() }
    }

    @Test func everyRuleHasARow() {
        // SwiGLU, which the engine does not run, has a test of its own.
        let tested = Set(GradientRows.all.map(\.operatorType) + ["SwiGLU"])
        // If has branches, which are no rule.
        let ruled = OperatorTable.records.values.compactMap { record in
            switch record.gradient {
            case .rule, .expansion: record.operatorType
            case .branches, .zero, .refused: nil
            }
        }
        for name in ruled.sorted() where !tested.contains(name) { Issue.record("\(name) has a gradient rule and no row") }
        for name in tested.sorted() where !ruled.contains(name) { Issue.record("\(name) has a row and no gradient rule") }
    }
}
