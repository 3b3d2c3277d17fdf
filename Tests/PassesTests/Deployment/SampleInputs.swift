import ConformanceSupport
import Engine
import ONNX
import Recipes
import Tensors
import TestSupport

@testable import Passes

/// Inputs for any model: seeded numbers from -1 to 1, integers that are 0 or 1, three words.
enum SampleInputs {
    static func of(_ model: Model, rows: Int, seed: UInt64 = 5) -> [(String, Tensor)] {
        var generator = SeededGenerator(seed: seed)
        return model.graph.requiredInputs.map { input in
            let extents = input.type?.dimensions ?? []
            let shape = Shape(extents.map { $0.value ?? rows })
            let count = shape.elementCount ?? 0
            switch input.type?.elementType {
            case .string: return (input.name, Tensor(strings: (0..<count).map { ["red", "green", "blue"][$0 % 3] }, shape: shape))
            case .int64: return (input.name, Tensor(.int64, shape, (0..<count).map { Int64(($0 * 7 / 3) % 2) }))
            case .int32: return (input.name, Tensor(.int32, shape, (0..<count).map { Int32(($0 * 7 / 3) % 2) }))
            case .bool: return (input.name, Tensor(.bool, shape, (0..<count).map { UInt8($0 % 2) }))
            case let type:
                let numbers = (0..<count).map { _ in Double.random(in: -1...1, using: &generator) }
                return (input.name, Tensor(type ?? .float32, shape, rounding: numbers) ?? Tensor(zeros: type ?? .float32, shape: shape)!)
            }
        }
    }

    /// Returns what differs by more than rounding, which is measured against the largest number of an output.
    static func difference(_ form: Model, _ model: Model, _ inputs: [(String, Tensor)]) throws -> String? {
        difference(try run(form, inputs), try run(model, inputs))
    }

    static func difference(_ values: [EngineValue], _ expected: [EngineValue]) -> String? {
        for (position, (got, wanted)) in zip(values, expected).enumerated() {
            guard ValueComparison.difference(got, wanted) != nil else { continue }
            guard case .tensor(let got) = got, case .tensor(let wanted) = wanted, got.shape == wanted.shape, let numbers = got.numbers,
                let expected = wanted.numbers, got.elementType.isFloatingPoint
            else { return "output \(position) is another" }
            let largest = expected.map(\.magnitude).filter(\.isFinite).max() ?? 0
            for (got, wanted) in zip(numbers, expected) where !(got == wanted || got.isNaN && wanted.isNaN) {
                guard abs(got - wanted) <= 1e-5 * largest else { return "output \(position): \(got) for \(wanted) of at most \(largest)" }
            }
        }
        return nil
    }
}
