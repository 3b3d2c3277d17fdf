import COpenVINO
import Machine
import Tensors

/// Maps ONNX's element types to OpenVINO's. What is not here, and what OpenVINO would compute in another type than the model's, is
/// refused by name: strings, which crash it; float64, which it computes as float32.
enum OpenVINOElementTypes {
    static let tensorsOnly = "it takes and gives only tensors of numbers"

    private static let numbers: [ElementType: OpenVINOElementType] = [
        .bool: 1, .bfloat16: 2, .float16: 3, .float32: 4, .int4: 6, .int8: 7, .int16: 8, .int32: 9, .int64: 10, .uint4: 14, .uint8: 16,
        .uint16: 17, .uint32: 18, .uint64: 19, .float8e4m3fn: 21, .float8e5m2: 22,
    ]
    private static let types = Dictionary(uniqueKeysWithValues: numbers.map { ($1, $0) })

    static func toOpenVINO(_ type: ElementType) -> OpenVINOElementType? { numbers[type] }
    static func toONNX(_ number: OpenVINOElementType) -> ElementType? { types[number] }

    static func refuse(_ info: ValueInfo) throws(EngineError) {
        guard case .tensor(let number, _) = info.kind else {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: tensorsOnly, by: .openVINO)
        }
        // An output's type may be left open.
        guard number != 0 else { return }
        let type = ElementType(rawValue: number)
        guard let type, numbers[type] != nil else {
            let detail = type == .float64 ? "it would compute it as float" : tensorsOnly
            throw .unsupportedElementType(name: info.name, type: type?.name ?? "\(number)", detail: detail, by: .openVINO)
        }
    }

    /// Tells whether OpenVINO keeps only the low 32 bits of integers of the type.
    static func isNarrowed(_ type: ElementType) -> Bool { type == .int64 || type == .uint64 || type == .uint32 }
}

extension OpenVINOModel {
    func makeValue(_ tensor: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue {
        guard case .buffer(let buffer) = tensor.storage, let type = OpenVINOElementTypes.toOpenVINO(tensor.elementType) else {
            throw .unsupportedElementType(
                name: info.name, type: tensor.elementType.name, detail: OpenVINOElementTypes.tensorsOnly, by: .openVINO)
        }
        // Inputs of unknown rank are refused when a model is loaded: without dimensions, this one is a scalar.
        guard tensor.shape.rank == info.dimensions?.count else {
            throw .wrongShape(input: info.name, expected: "\(info.kind)", found: "\(tensor.shape)")
        }
        var extents = tensor.shape.dimensions.map(Int64.init)
        do {
            let pointer = try extents.withUnsafeMutableBufferPointer { extents throws(OpenVINOFailure) in
                try library.take {
                    library.api.tensor_create_from_host_ptr(
                        type, OpenVINOShape(rank: Int64(extents.count), dims: extents.baseAddress), buffer.address, &$0)
                }
            }
            return NativeValue(pointer, backing: buffer, free: library.api.tensor_free)
        } catch {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: printable(error.message), by: .openVINO)
        }
    }

    func read(_ value: NativeValue, from info: ValueInfo) throws(EngineError) -> EngineValue {
        defer { withExtendedLifetime(value) {} }
        do throws(OpenVINOFailure) {
            let contents = try library.contents(of: value.pointer)
            if let type = contents.type, let byteCount = type.byteCount(elements: contents.shape.elementCount ?? 0),
                byteCount == contents.bytes.count
            {
                let buffer: TensorBuffer
                do throws(OutOfMemory) { buffer = try TensorBuffer(requested: byteCount) } catch {
                    throw OpenVINOFailure(code: -1, message: "\(error)")
                }
                buffer.mutableBytes.copyMemory(from: contents.bytes)
                return .tensor(Tensor(elementType: type, shape: contents.shape, buffer: buffer))
            }
        } catch {
            throw .unsupportedElementType(name: info.name, type: "\(info.kind)", detail: printable(error.message), by: .openVINO)
        }
        throw .unsupportedElementType(
            name: info.name, type: "\(info.kind)", detail: OpenVINOElementTypes.tensorsOnly, by: .openVINO)
    }

    func holds(_ value: NativeValue, _ tensor: Tensor) -> Bool {
        defer { withExtendedLifetime(value) {} }
        guard case .buffer(let buffer) = tensor.storage, let contents = try? library.contents(of: value.pointer) else { return false }
        return contents.bytes.baseAddress == UnsafeRawPointer(buffer.address) && contents.type == tensor.elementType
            && contents.shape == tensor.shape
    }
}

extension OpenVINOLibrary {
    func contents(of tensor: OpaquePointer) throws(OpenVINOFailure) -> (type: ElementType?, shape: Shape, bytes: UnsafeRawBufferPointer) {
        var type: OpenVINOElementType = 0
        var byteCount = 0
        var data: UnsafeMutableRawPointer?
        try check(api.tensor_get_element_type(tensor, &type))
        try check(api.tensor_get_byte_size(tensor, &byteCount))
        if byteCount > 0 { try check(api.tensor_data(tensor, &data)) }
        return (OpenVINOElementTypes.toONNX(type), try shape(of: tensor), UnsafeRawBufferPointer(start: data, count: byteCount))
    }

    func shape(of tensor: OpaquePointer) throws(OpenVINOFailure) -> Shape {
        var shape = OpenVINOShape()
        let status = api.tensor_get_shape(tensor, &shape)
        // The function cannot make the shape of a scalar, and says that a parameter is invalid.
        if status == OpenVINOFailure.invalidParameter, shape.rank == 0 { return [] }
        try check(status)
        defer { _ = api.shape_free(&shape) }
        return Shape((0..<Int(shape.rank)).map { Int(shape.dims[$0]) })
    }
}
