package import Machine

extension EngineName {
    /// The version of the engine's library.
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

    /// The engine's own name with its version, such as "ONNX Runtime 1.32.0".
    package var versionedName: String { "\(machine.engine) \(version)" }
}
