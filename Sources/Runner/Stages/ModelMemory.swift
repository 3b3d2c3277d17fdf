import ONNX
import Reasons

extension ONNXError {
    var isOutOfMemory: Bool { if case .outOfMemory = self { true } else { false } }
}

extension Model {
    /// What lies in other files and is in memory once the model runs; the largest number there is where the sizes add up to more.
    var externalByteCount: Int {
        graph.initializers.filter(\.isExternal).reduce(0) { sum, tensor in
            let (total, overflow) = sum.addingReportingOverflow(tensor.byteCount ?? 0)
            return overflow ? .max / 2 : total
        }
    }
}

extension Failure {
    /// A model that cannot be read: its own fault, or that of a machine that is too small for it.
    init(model error: ONNXError, place: String) {
        switch error {
        case .outOfMemory:
            self.init(
                .resource, what: "the model does not fit: \(error)", place: place,
                remedy: "Free memory, raise the limit of the process, or use a larger machine.")
        // The disk refused it; nothing is wrong with the model.
        case .cannotWrite(_, _, let code):
            self.init(
                MachineFault.kind(writing: code), what: "\(error)", place: place, remedy: "Free space or mend the disk; it is tried again.")
        case .cannotRead(_, _, let code) where code != 0:
            self.init(MachineFault.kind(reading: code), what: "\(error)", place: place, remedy: "It is tried again.")
        case .nestedTooDeeply, .tooManyParts, .tooLarge:
            self.init(.badModel, rule: .limitModel, what: "\(error)", place: place, remedy: Rule.limitModel.remedy)
        default:
            self.init(.badModel, what: "\(error)", place: place, remedy: "Export the model again, and check it with `millrace inspect`.")
        }
    }
}
