import Foundation
import ONNXWire
import Tensors

/// Holds the inputs and outputs of a model as the model itself declares them: OpenVINO knows no names of open axes, leaves out inputs that
/// nothing reads, and may give another name to an output that is also another value.
///
/// It refuses models that refer to external data, which OpenVINO would look for in the working directory.
struct OpenVINODeclarations {
    /// The inputs that need a value, as initializers do not.
    let inputs: [ValueInfo]
    /// All outputs, in order. The same name may be there more than once.
    let outputs: [ValueInfo]

    init(_ model: Data) throws(EngineError) {
        let result = model.withUnsafeBytes { bytes in Result { () throws(EngineError) in try Reader(bytes: bytes).declarations() } }
        self = try result.get()
    }

    private init(inputs: [ValueInfo], outputs: [ValueInfo]) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Reads the wire format of a model, of whose graph the protobuf rules allow several parts.
    private struct Reader: WireBytes {
        let bytes: UnsafeRawBufferPointer
        /// Messages inside one another are followed this far; a model that was checked before does not get there.
        private static let deepest = 200

        func byte(at position: Int64) -> UInt8? { bytes[Int(position)] }

        func declarations() throws(EngineError) -> OpenVINODeclarations {
            let model = 0..<Int64(bytes.count)
            try refuseExternalData(in: model, .model, depth: 0)
            var inputs: [ValueInfo] = [], outputs: [ValueInfo] = []
            var initializers: Set<String> = []
            for graph in try messages(7, in: model) {
                for field in try fields(graph) {
                    guard case .bytes(let range) = field.content else { continue }
                    switch field.number {
                    case 5: initializers.insert(try text(8, in: range) ?? "")
                    case 15: for values in try messages(1, in: range) { initializers.insert(try text(8, in: values) ?? "") }
                    case 11: inputs.append(try value(range))
                    case 12: outputs.append(try value(range))
                    default: break
                    }
                }
            }
            return OpenVINODeclarations(inputs: inputs.filter { !initializers.contains($0.name) }, outputs: outputs)
        }

        private func refuseExternalData(in range: Range<Int64>, _ kind: ONNXMessage, depth: Int) throws(EngineError) {
            guard depth < Self.deepest else { throw .invalidModel(detail: "messages are more than \(Self.deepest) deep") }
            for field in try fields(range) {
                switch field.content {
                case .number(1) where kind == .tensor && field.number == 14:
                    throw .externalData(file: "", detail: "OpenVINO is not given the files beside a model")
                case .bytes(let pair) where kind == .tensor && field.number == 13:
                    throw .externalData(file: try text(2, in: pair) ?? "", detail: "OpenVINO is not given the files beside a model")
                case .bytes(let child):
                    if let kind = kind.child(field.number), kind.leadsToTensors {
                        try refuseExternalData(in: child, kind, depth: depth + 1)
                    }
                case .number, .fixed: break
                }
            }
        }

        /// Returns a `ValueInfoProto`: name = 1, type = 2.
        private func value(_ range: Range<Int64>) throws(EngineError) -> ValueInfo {
            var kind = ValueInfo.Kind.opaque
            for type in try messages(2, in: range) {
                for field in try fields(type) {
                    guard case .bytes(let content) = field.content else { continue }
                    switch field.number {
                    case 1: kind = try tensor(content)
                    case 4: kind = .sequence(.opaque)
                    case 9: kind = .optional(.opaque)
                    default: break
                    }
                }
            }
            return ValueInfo(name: try text(1, in: range) ?? "", kind: kind)
        }

        /// Returns a `TypeProto.Tensor`: elem_type = 1, shape = 2, in which dim = 1, in which dim_value = 1, dim_param = 2.
        private func tensor(_ range: Range<Int64>) throws(EngineError) -> ValueInfo.Kind {
            var dimensions: [Tensors.Dimension] = []
            for shape in try messages(2, in: range) {
                for dimension in try messages(1, in: shape) {
                    let name = try text(2, in: dimension) ?? ""
                    dimensions.append(
                        try number(1, in: dimension).map { .fixed(Int($0)) } ?? (name.isEmpty ? .unknown : .symbolic(name)))
                }
            }
            return .tensor(elementType: Int32(truncatingIfNeeded: try number(1, in: range) ?? 0), dimensions: dimensions)
        }

        private func messages(_ number: UInt64, in range: Range<Int64>) throws(EngineError) -> [Range<Int64>] {
            try fields(range).compactMap { field in
                if field.number == number, case .bytes(let content) = field.content { content } else { nil }
            }
        }

        private func text(_ number: UInt64, in range: Range<Int64>) throws(EngineError) -> String? {
            try messages(number, in: range).last.map { String(decoding: bytes[Int($0.lowerBound)..<Int($0.upperBound)], as: UTF8.self) }
        }

        private func number(_ number: UInt64, in range: Range<Int64>) throws(EngineError) -> Int64? {
            try fields(range).compactMap { field in
                if field.number == number, case .number(let value) = field.content { Int64(bitPattern: value) } else { nil }
            }.last
        }

        private func fields(_ range: Range<Int64>) throws(EngineError) -> [WireField] {
            var fields: [WireField] = []
            var position = range.lowerBound
            var bytes = self
            while position < range.upperBound {
                do throws(WireField.Fault) {
                    let field = try WireField(of: &bytes, at: position, end: range.upperBound)
                    position = field.end
                    fields.append(field)
                } catch { throw .invalidModel(detail: "its bytes at \(position) are no message of ONNX") }
            }
            return fields
        }
    }
}
