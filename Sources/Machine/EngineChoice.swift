/// Names an engine that executes models.
package enum EngineName: String, Codable, Sendable, Hashable, CaseIterable {
    case onnxRuntime = "onnxruntime"
    case openVINO = "openvino"
}

/// Says which engine executes a model, and in what numbers it computes where that is a choice.
package enum EngineChoice: Sendable, Hashable, CaseIterable {
    case onnxRuntime
    case openVINO(Precision)

    /// Names the numbers that an engine computes products in, where the model has float32.
    package enum Precision: String, Codable, Sendable, Hashable, CaseIterable {
        case float32, bfloat16
    }

    package static let allCases: [EngineChoice] = [.onnxRuntime] + Precision.allCases.map { .openVINO($0) }

    package var name: EngineName {
        switch self {
        case .onnxRuntime: .onnxRuntime
        case .openVINO: .openVINO
        }
    }

    package var precision: Precision {
        switch self {
        case .onnxRuntime: .float32
        case .openVINO(let precision): precision
        }
    }

    /// Makes the choice of an engine and a precision; nil where the engine does not have it.
    package init?(_ name: EngineName, _ precision: Precision) {
        switch (name, precision) {
        case (.onnxRuntime, .float32): self = .onnxRuntime
        case (.onnxRuntime, .bfloat16): return nil
        case (.openVINO, _): self = .openVINO(precision)
        }
    }
}

extension EngineChoice: CustomStringConvertible {
    /// Such as "openvino bfloat16".
    package var description: String { "\(name.rawValue) \(precision.rawValue)" }
}

extension EngineChoice: Codable {
    private enum Key: CodingKey {
        case engine, precision
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        let name = try values.decode(EngineName.self, forKey: .engine), precision = try values.decode(Precision.self, forKey: .precision)
        guard let choice = EngineChoice(name, precision) else {
            throw DecodingError.dataCorruptedError(
                forKey: .precision, in: values, debugDescription: "\(name.rawValue) does not compute in \(precision.rawValue)")
        }
        self = choice
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(name, forKey: .engine)
        try values.encode(precision, forKey: .precision)
    }
}
