import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

/// One row of the gradient-check table: a node, and inputs away from where it has a kink.
struct GradientCase: Sendable, CustomTestStringConvertible {
    let operatorType: String
    let operands: [Operand?]
    let attributes: [Attribute]
    /// What distinguishes the row from others of its operator.
    let variant: String
    var outputCount = 1
    /// Outputs whose cotangent is given; the others have none.
    var seeded: [Int]?
    var opset: Int64 = 21
    /// How much may be unknown when the gradient is built.
    var openness = Openness.everything
    /// Whether the engine takes or computes it in `float32` only.
    var isSingleOnly = false
    /// Of the directional derivative, relative to its usual size, in `float32`.
    var tolerance = 4e-3
    var step = 2e-2

    enum Openness: Int, Sendable {
        /// Shapes are fixed and integers constant.
        case nothing
        /// Extents are symbols.
        case shapes
        /// Integers come as inputs too.
        case everything
        /// Ranks are unknown as well.
        case ranks
    }

    var testDescription: String { operatorType + (variant.isEmpty ? "" : ", " + variant) }
}

/// An input of a row.
struct Operand: Sendable {
    enum Content: Sendable {
        /// Uniform in a range, but not close to what is avoided.
        case random(ClosedRange<Double>, avoiding: [Double])
        case numbers([Double])
        case integers([Int64])
        case flags([Bool])
    }

    let shape: Shape
    let content: Content
    /// Held by the model, in every variant.
    var isConstant = false
    var isDifferentiable = true
    /// Integers of 32 bits.
    var isNarrow = false
    /// Of `float32` whatever the row's type is.
    var isSingle = false

    static func float(_ shape: Shape, _ range: ClosedRange<Double> = -1.5...1.5, avoiding: [Double] = []) -> Operand {
        Operand(shape: shape, content: .random(range, avoiding: avoiding))
    }
    static func numbers(_ shape: Shape, _ values: [Double]) -> Operand { Operand(shape: shape, content: .numbers(values)) }
    static func constant(_ shape: Shape, _ values: [Double]) -> Operand {
        Operand(shape: shape, content: .numbers(values), isConstant: true, isDifferentiable: false)
    }
    static func scales(_ values: [Double]) -> Operand {
        Operand(shape: [values.count], content: .numbers(values), isConstant: true, isDifferentiable: false, isSingle: true)
    }
    static func fixed(_ shape: Shape, _ values: [Double]) -> Operand {
        Operand(shape: shape, content: .numbers(values), isDifferentiable: false)
    }
    static func int64(_ values: [Int64], _ shape: Shape? = nil) -> Operand {
        Operand(shape: shape ?? [values.count], content: .integers(values), isDifferentiable: false)
    }
    static func int32(_ values: [Int64]) -> Operand {
        Operand(shape: [values.count], content: .integers(values), isDifferentiable: false, isNarrow: true)
    }
    static func flags(_ shape: Shape, _ values: [Bool]) -> Operand {
        Operand(shape: shape, content: .flags(values), isDifferentiable: false)
    }

    var isFloat: Bool {
        switch content {
        case .random, .numbers: true
        case .integers, .flags: false
        }
    }

    /// The numbers of a floating point operand, the same at every run.
    func values(seed: UInt64) -> [Double] {
        switch content {
        case .numbers(let values): return values
        case .random(let range, let avoided):
            var generator = SeededGenerator(seed: seed)
            let margin = 0.08
            return (0..<(shape.elementCount ?? 0)).map { _ in
                while true {
                    let value = Double.random(in: range, using: &generator)
                    if avoided.allSatisfy({ abs($0 - value) > margin }) { return value }
                }
            }
        case .integers, .flags: return []
        }
    }

    func tensor(_ values: [Double], _ type: ElementType) -> Tensor {
        switch content {
        case .integers(let integers) where isNarrow: Tensor(.int32, shape, integers.map { Int32($0) })
        case .integers(let integers): Tensor(.int64, shape, integers)
        case .flags(let flags): Tensor(.bool, shape, flags.map { $0 ? 1 : 0 } as [UInt8])
        default: type == .float64 && !isSingle ? Tensor(.float64, shape, values) : Tensor(.float32, shape, values.map { Float($0) })
        }
    }
}

func row(
    _ operatorType: String, _ operands: [Operand?], _ attributes: [Attribute] = [], _ variant: String = "",
    _ configure: (inout GradientCase) -> Void = { _ in }
) -> GradientCase {
    var made = GradientCase(operatorType: operatorType, operands: operands, attributes: attributes, variant: variant)
    configure(&made)
    return made
}

func int(_ name: String, _ value: Int64) -> Attribute { Attribute(name, .int(value)) }
func ints(_ name: String, _ values: [Int64]) -> Attribute { Attribute(name, .ints(values)) }
func float(_ name: String, _ value: Float) -> Attribute { Attribute(name, .float(value)) }
func string(_ name: String, _ value: String) -> Attribute { Attribute(name, .string(value)) }
func strings(_ name: String, _ values: [String]) -> Attribute { Attribute(name, .strings(values)) }
