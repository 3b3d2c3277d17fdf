/// Names the forms in which a model can be executed: as it was published, or rewritten so that its numbers are smaller.
package enum ModelForm: String, Sendable, Codable, Hashable, CaseIterable {
    case published
    /// The passes over the graph alone are applied, so that it computes the same in float32. No precision asks for it, since it is hardly
    /// faster: engines do the same when they load a model (1.00 to 1.04 times as fast on MiniLM and the digits, on both engines).
    case graph
    /// Weights are stored as float16, and all is computed in float32.
    case float16
    /// Products are computed in integers, with scales of each row as it comes.
    case int8Dynamic = "int8-dynamic"
    /// Products are computed in integers, with scales that rows have shown beforehand.
    case int8Static = "int8-static"
    /// Weights are stored as int8, with a scale for each block.
    case int8Weights = "int8-weights"
    /// Weights are stored as int4, with a scale for each block.
    case int4Weights = "int4-weights"

    /// The precision in whose name it stands beside a version's model, as in `model.int8.onnx`; nil for forms of float32.
    package var precision: PrecisionRequest? {
        switch self {
        case .published, .graph: nil
        case .float16: .float16
        case .int8Dynamic, .int8Static, .int8Weights: .int8
        case .int4Weights: .int4
        }
    }

    /// Tells whether it cannot be made without rows.
    package var needsRows: Bool { self == .int8Static }
}
