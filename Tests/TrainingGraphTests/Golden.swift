import Foundation
import ONNX
import Tensors
import Testing

/// What `Golden/make-golden.py` wrote: models, and arrays that stand as initializers in a file of their own.
struct Golden {
    let arrays: [String: Tensor]

    init(_ name: String) throws {
        var arrays: [String: Tensor] = [:]
        for stored in try Self.read(name + ".golden").graph.initializers { arrays[stored.name] = try stored.tensor() }
        self.arrays = arrays
    }

    static func model(_ name: String) throws -> Model { try read(name) }

    subscript(name: String) -> Tensor {
        get throws { try #require(arrays[name], "no golden array \(name)") }
    }

    func numbers(_ name: String) throws -> [Double] { try self[name].numbers }

    /// Part `index` of the first axis, with rows cut to `rows`.
    func batch(_ name: String, _ index: Int, rows: Int? = nil) throws -> Tensor {
        let whole = try self[name]
        let shape = Shape(Array(whole.shape.dimensions.dropFirst()))
        let size = whole.bytes.count / whole.shape.dimensions[0]
        let part = try #require(
            Tensor(
                elementType: whole.elementType, shape: shape,
                bytes: UnsafeRawBufferPointer(rebasing: whole.bytes[index * size..<(index + 1) * size])))
        guard let rows else { return part }
        let kept = Shape([rows] + shape.dimensions.dropFirst())
        let bytes = UnsafeRawBufferPointer(rebasing: part.bytes[..<(size / shape.dimensions[0] * rows)])
        return try #require(Tensor(elementType: whole.elementType, shape: kept, bytes: bytes))
    }

    private static func read(_ name: String) throws -> Model {
        let path = (#filePath as NSString).deletingLastPathComponent + "/Golden/\(name).onnx"
        return try Model(serialized: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}

extension Tensor {
    /// Elements of any floating point or integer type met in these tests.
    var numbers: [Double] {
        switch elementType {
        case .float32: (values(as: Float.self) ?? []).map(Double.init)
        case .float64: values(as: Double.self) ?? []
        case .int64: (values(as: Int64.self) ?? []).map(Double.init)
        default: []
        }
    }
}

func length(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
func distance(_ left: [Double], _ right: [Double]) -> Double { length(zip(left, right).map { $0 - $1 }) }
