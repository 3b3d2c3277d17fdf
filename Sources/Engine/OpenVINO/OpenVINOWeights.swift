import Foundation
import Machine
import Tensors

extension SessionWeights {
    /// Returns the model with the weights as initializers. The protobuf rules merge what stands behind a model with it, so that the model
    /// is copied and not read. `declared` are its inputs, of which the weights are some.
    func appended(to model: Data, _ declared: [ValueInfo]) throws(EngineError) -> Data {
        guard !names.isEmpty else { return model }
        var whole = model
        for name in names {
            guard let info = declared.first(where: { $0.name == name }) else {
                throw .unknownInput(name, known: declared.map(\.name))
            }
            let tensor = try read(name)
            guard tensor.elementType == info.elementType else {
                throw .wrongType(input: name, expected: "\(info.kind)", found: tensor.elementType.name)
            }
            try Session.check(tensor.shape, info.dimensions ?? [], info)
            guard case .buffer = tensor.storage else {
                throw .unsupportedElementType(
                    name: name, type: tensor.elementType.name, detail: OpenVINOElementTypes.tensorsOnly, by: .openVINO)
            }
            // TensorProto: dims = 1, data_type = 2, name = 8, raw_data = 9.
            var head = Data()
            for extent in tensor.shape.dimensions { head.append(contentsOf: [0x08] + Varint.bytes(of: extent)) }
            head.append(
                contentsOf: [0x10] + Varint.bytes(of: Int(tensor.elementType.rawValue)) + [0x42] + Varint.bytes(of: name.utf8.count))
            head.append(contentsOf: name.utf8)
            head.append(contentsOf: [0x4A] + Varint.bytes(of: tensor.bytes.count))
            // GraphProto.initializer = 5, in ModelProto.graph = 7.
            let tensorCount = head.count + tensor.bytes.count
            let graphHead = [0x2A] + Varint.bytes(of: tensorCount)
            whole.append(contentsOf: [0x3A] + Varint.bytes(of: graphHead.count + tensorCount) + graphHead)
            whole.append(head)
            withExtendedLifetime(tensor) { whole.append(contentsOf: tensor.bytes) }
            guard whole.count <= Int(Int32.max) else {
                throw .modelRefused(detail: "with its weights it has more than 2 GiB, which its parser does not take", by: .openVINO)
            }
        }
        return whole
    }
}
