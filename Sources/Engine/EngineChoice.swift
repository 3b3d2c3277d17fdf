package import Machine

/// Says which engine runs a model, and how precisely where that is a choice.
package enum EngineChoice: Sendable, Hashable {
    case onnxRuntime
    case openVINO(Precision)

    /// Names the numbers that an engine computes products in, where the model has float32.
    package enum Precision: String, Sendable, Hashable, CaseIterable {
        case float32, bfloat16
    }

    package var name: EngineName {
        switch self {
        case .onnxRuntime: .onnxRuntime
        case .openVINO: .openVINO
        }
    }
}

/// Names an engine. The description has its version.
package enum EngineName: Sendable, Hashable, CustomStringConvertible {
    case onnxRuntime, openVINO

    package var version: String {
        switch self {
        case .onnxRuntime: ONNXRuntime.version
        case .openVINO: OpenVINO.version
        }
    }

    /// The description of this machine with this engine.
    package var machine: AttemptMachine {
        switch self {
        case .onnxRuntime: ONNXRuntime.machine
        case .openVINO: OpenVINO.machine
        }
    }

    package var description: String { "\(machine.engine) \(version)" }
}
