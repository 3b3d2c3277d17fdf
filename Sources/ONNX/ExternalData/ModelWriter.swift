import Machine
import ONNXProto
import SwiftProtobuf
package import Tensors

/// Writes a model with a weights file, `name` and `name.data`, whose weights may be made while they are written: no more of a weight is in
/// memory than a piece. The caller makes the files durable and visible.
package final class ModelWriter {
    private static let bytesOfPiece = 4 << 20

    private let name: String
    private let target: Model.Target
    private let location: String
    private let options: Model.WritingOptions
    private let weights: FreshFile
    /// The memory of a piece, which is the same for all: of pieces that come and go between small objects, an allocator keeps many.
    private let piece: TensorBuffer
    /// The names of the initializers that are in the new file already.
    private var appended: Set<String> = []

    /// Makes the weights file, which must not be there.
    package init(
        as name: String, to target: Model.Target, options: Model.WritingOptions = Model.WritingOptions()
    ) throws(ONNXError) {
        let weightsName = name + ".data"
        self.name = name
        self.target = target
        self.options = options
        location = String(weightsName[(weightsName.lastIndex(of: "/").map(weightsName.index(after:)) ?? weightsName.startIndex)...])
        do throws(OutOfMemory) { piece = try TensorBuffer(pages: Self.bytesOfPiece) } catch { throw .outOfMemory(error) }
        weights = try FreshFile(weightsName, of: target)
    }

    /// Writes a new initializer and returns it for the graph that `finish` gets. `fill` writes the packed elements of a range, which
    /// begins at a whole byte. Nothing else in the model may have its name.
    package func append(
        _ name: String, _ type: ElementType, _ shape: Shape, filling fill: (Range<Int>, UnsafeMutableRawBufferPointer) -> Void
    ) throws(ONNXError) -> StoredTensor {
        guard let count = shape.elementCount, let length = type.byteCount(elements: count) else {
            throw .invalid(place: "tensor '\(name)'", reason: "the shape \(shape) has no byte count")
        }
        guard length >= options.externalTensorBytesAtLeast else {
            let buffer = TensorBuffer(byteCount: length)
            fill(0..<count, buffer.mutableBytes)
            return StoredTensor(name, Tensor(elementType: type, shape: shape, buffer: buffer))
        }
        let offset = try weights.beginTensor(of: length)
        let elements = Self.bytesOfPiece * 8 / (type.bitWidth ?? 8)
        for start in stride(from: 0, to: count, by: elements) {
            let range = start..<min(start + elements, count)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: piece.mutableBytes[..<(type.byteCount(elements: range.count) ?? 0)])
            fill(range, bytes)
            try weights.write(UnsafeRawBufferPointer(bytes))
        }
        appended.insert(name)
        var stored = StoredTensor(
            .with {
                $0.name = name
                $0.dataType = type.rawValue
                $0.dims = shape.dimensions.map(Int64.init)
            })
        stored.keepPlace(location: location, offset: offset, length: length)
        return stored
    }

    /// Writes what is not in the weights file yet, and the graph; returns the names of the weights and the graph. On failure no file that
    /// was begun is left.
    package func finish(_ model: Model) throws(ONNXError) -> [String] {
        do throws(ONNXError) {
            var hasExternal = false
            model.forEachTensor { _, tensor in hasExternal = hasExternal || tensor.isExternal && !appended.contains(tensor.name) }
            let source = hasExternal ? try model.externalData() : nil
            var model = model
            try model.mapTensors { (tensor, isInitializer) throws(ONNXError) in
                if isInitializer && appended.contains(tensor.name) { return }
                let isLarge = (tensor.byteCount ?? 0) >= options.externalTensorBytesAtLeast && tensor.elementType != .string
                if isInitializer && isLarge {
                    try tensor.move(to: weights, location: location, from: source)
                } else if tensor.isExternal {
                    tensor.replace(with: try tensor.tensor(externalData: source))
                }
            }
            try weights.finish()
            try model.writeGraph(as: name, to: target)
        } catch {
            discard()
            throw error
        }
        return [name + ".data", name]
    }

    /// Removes the weights file.
    package func discard() { weights.discard() }
}

extension FreshFile {
    /// Aligns the end of the file so that a reader may map a tensor of `length` bytes there, and returns the offset.
    fileprivate func beginTensor(of length: Int) throws(ONNXError) -> Int {
        try align(to: length >= 1 << 20 ? 4096 : 64)
        return byteCount
    }
}

extension StoredTensor {
    /// Appends the elements to `weights`, and keeps only their place.
    fileprivate mutating func move(
        to weights: FreshFile, location: String, from source: ExternalDataDirectory?
    ) throws(ONNXError) {
        guard let length = byteCount else { throw invalid("the shape \(shape) has no byte count") }
        let offset = try weights.beginTensor(of: length)
        if isExternal {
            guard let source else { throw .externalData(tensor: name, location: externalLocation ?? "", problem: .noDirectory) }
            try source.forEachChunk(of: self) { (chunk) throws(ONNXError) in try weights.write(chunk) }
        } else if let rawData {
            guard rawData.count == length else { throw invalid("\(rawData.count) bytes of raw data, but \(length) are needed") }
            try rawData.borrow { (bytes) throws(ONNXError) in try weights.write(bytes) }
        } else {
            let tensor = try tensor()
            defer { withExtendedLifetime(tensor) {} }
            try weights.write(tensor.bytes)
        }
        keepPlace(location: location, offset: offset, length: length)
    }

    fileprivate mutating func keepPlace(location: String, offset: Int, length: Int) {
        proto.clearRawData()
        proto.floatData = []
        proto.int32Data = []
        proto.int64Data = []
        proto.doubleData = []
        proto.uint64Data = []
        proto.dataLocation = 1
        proto.externalData = [("location", location), ("offset", "\(offset)"), ("length", "\(length)")].map { key, value in
            .with {
                $0.key = key; $0.value = value
            }
        }
    }
}
