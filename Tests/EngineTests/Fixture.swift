import Engine
import Foundation
import Tensors
import Testing

/// The models that `make-fixtures.py` writes.
enum Fixture {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

    static func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: directory.appendingPathComponent(name.contains(".") ? name : name + ".onnx"))
    }

    static func session(_ name: String, _ options: SessionOptions = SessionOptions()) throws -> Session {
        try Session(model: bytes(name), options: options)
    }
}

func floats(_ shape: Shape, _ values: [Float]) -> Tensor { Tensor(.float32, shape, values) }

extension EngineValue {
    var floats: [Float]? { tensor?.values(as: Float.self) }
    var int64s: [Int64]? { tensor?.values(as: Int64.self) }
    var strings: [String]? { tensor?.strings }
    var elements: [EngineValue]? {
        guard case .sequence(let elements) = self else { return nil }
        return elements
    }
}
