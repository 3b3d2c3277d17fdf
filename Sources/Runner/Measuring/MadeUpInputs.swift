import Engine
import Foundation
import Tensors

/// Makes inputs for a model of which no rows are known. They are good for measuring time, and say nothing about quality.
enum MadeUpInputs {
    /// The extent of an open axis that is not the rows, such as the length of a sequence.
    static let openExtent = 128

    /// Returns a value for each input, with `rows` rows where the first axis is open. Numbers are between -1 and 1; integers are 1, so that
    /// they are in every vocabulary and mask nothing.
    static func tensors(for inputs: [ValueInfo], rows: Int) throws(EngineError) -> [(name: String, value: EngineValue)] {
        var made: [(name: String, value: EngineValue)] = []
        for input in inputs {
            guard let type = input.elementType, let dimensions = input.dimensions else {
                throw .engine("no rows can be made up for input '\(input.name)', which is \(input.kind): give rows with --data")
            }
            let shape = Shape(dimensions.enumerated().map { axis, dimension in dimension.value ?? (axis == 0 ? rows : openExtent) })
            guard let tensor = tensor(type, shape) else {
                throw .engine("no rows can be made up for input '\(input.name)' of type \(type.name)[\(shape)]: give rows with --data")
            }
            made.append((input.name, .tensor(tensor)))
        }
        return made
    }

    private static func tensor(_ type: ElementType, _ shape: Shape) -> Tensor? {
        guard let count = shape.elementCount else { return nil }
        // A sequence of numbers without a pattern that a model could profit from.
        func number(_ index: Int) -> Double { sin(Double(index) * 12.9898) }
        switch type {
        case .float32: return Tensor(type, shape, (0..<count).map { Float(number($0)) })
        case .float64: return Tensor(type, shape, (0..<count).map(number))
        case .float16: return Tensor(type, shape, (0..<count).map { Float16(number($0)) })
        default: return Tensor(ones: type, shape: shape)
        }
    }
}
