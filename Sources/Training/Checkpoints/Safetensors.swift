import Crypto
package import FileSystem
import Foundation
import Machine
import Reasons
import SystemPackage
package import Tensors

/// Reads and writes the safetensors format: eight bytes of header length, a JSON header with type, shape and place of each tensor, and the
/// bytes.
package enum Safetensors {
    /// The format's names for our types; types that it does not have are refused with their name.
    private static let codes: [(code: String, type: ElementType)] = [
        ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64), ("I32", .int32), ("I16", .int16),
        ("I8", .int8), ("U64", .uint64), ("U32", .uint32), ("U16", .uint16), ("U8", .uint8), ("BOOL", .bool),
        ("F8_E4M3", .float8e4m3fn), ("F8_E5M2", .float8e5m2),
    ]

    /// The largest size of a header, in bytes, that is read: real headers are smaller.
    private static let longestHeader = 100 << 20

    /// Writes the tensors in the order given, whole under the name or not at all, and returns the SHA-256 of the file.
    @discardableResult
    package static func write(
        _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], to path: String
    ) throws(TrainingError) -> String {
        let head = try header(tensors, metadata, path)
        var hash = SHA256()
        try onDisk { () throws(FileSystemError) in
            try DurableFile.write(to: FilePath(path)) { file throws(FileSystemError) in try write(head, tensors, to: file, &hash) }
        }
        return FileDigest.hexadecimal(hash.finalize())
    }

    /// Writes a file of a folder as above.
    @discardableResult
    package static func write(
        _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], as name: String, in folder: any GivenFolder
    ) throws(TrainingError) -> String {
        let head = try header(tensors, metadata, folder.path(of: name).string)
        var hash = SHA256()
        try onDisk { () throws(FileSystemError) in
            try folder.writeDurably(name) { file throws(FileSystemError) in try write(head, tensors, to: file, &hash) }
        }
        return FileDigest.hexadecimal(hash.finalize())
    }

    private static func write(
        _ head: [UInt8], _ tensors: [(name: String, tensor: Tensor)], to file: borrowing OpenFile, _ hash: inout SHA256
    ) throws(FileSystemError) {
        hash.update(data: head)
        try file.write(head)
        for (_, tensor) in tensors {
            try withExtendedLifetime(tensor) { () throws(FileSystemError) in
                hash.update(bufferPointer: tensor.bytes)
                try file.write(tensor.bytes)
            }
        }
    }

    /// Returns all tensors of a file, in the order of their bytes.
    package static func read(_ path: String) throws(TrainingError) -> [(name: String, tensor: Tensor)] { try readAll(path).tensors }

    package static func readAll(
        _ path: String
    ) throws(TrainingError) -> (tensors: [(name: String, tensor: Tensor)], metadata: [String: String]) {
        try readAll(try onDisk { () throws(FileSystemError) in try OpenFile(reading: FilePath(path)) }, path)
    }

    /// - Parameter path: the path of the file, for messages.
    static func readAll(
        _ file: borrowing OpenFile, _ path: String
    ) throws(TrainingError) -> (tensors: [(name: String, tensor: Tensor)], metadata: [String: String]) {
        func bad(_ reason: String) -> TrainingError { .cannotRead(path: path, reason: Reason(reason)) }
        let size = try onDisk { () throws(FileSystemError) in try file.byteCount() }
        guard size >= 8 else { throw bad("it is too short for a safetensors file") }
        var length = [UInt8](repeating: 0, count: 8)
        try onDisk { () throws(FileSystemError) in try file.read(into: &length, at: 0) }
        let headerBytes = Int(clamping: length.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        guard headerBytes <= min(longestHeader, size - 8) else { throw bad("its header is cut off") }
        var head = [UInt8](repeating: 0, count: headerBytes)
        try onDisk { () throws(FileSystemError) in try file.read(into: &head, at: 8) }
        guard let object = try? JSONSerialization.jsonObject(with: Data(head)) as? [String: Any] else {
            throw bad("its header is not JSON")
        }
        var entries: [(name: String, type: String, shape: [Int], bytes: Range<Int>)] = []
        for (name, value) in object where name != "__metadata__" {
            guard let value = value as? [String: Any], let type = value["dtype"] as? String, let shape = value["shape"] as? [Int],
                let offsets = value["data_offsets"] as? [Int], offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1]
            else { throw bad("its header does not describe '\(name)'") }
            entries.append((name, type, shape, offsets[0]..<offsets[1]))
        }
        entries.sort { ($0.bytes.lowerBound, $0.bytes.upperBound, $0.name) < ($1.bytes.lowerBound, $1.bytes.upperBound, $1.name) }
        var tensors: [(name: String, tensor: Tensor)] = []
        var end = 0
        for (name, code, dimensions, place) in entries {
            // The format has no gaps and nothing twice: many names for the same bytes would take more memory than the file has.
            guard place.lowerBound == end else { throw bad("'\(name)' does not begin where the tensor before it ends") }
            end = place.upperBound
            guard let type = codes.first(where: { $0.code == code })?.type else {
                throw bad("'\(name)' is of type \(code), which is not read")
            }
            let shape = Shape(dimensions)
            guard let count = shape.elementCount, type.byteCount(elements: count) == place.count, place.upperBound <= size - 8 - headerBytes
            else {
                throw bad("'\(name)' does not lie where its header says")
            }
            let buffer: TensorBuffer
            do throws(OutOfMemory) { buffer = try TensorBuffer(requested: place.count) } catch { throw bad("\(error)") }
            try onDisk { () throws(FileSystemError) in try file.read(into: buffer.mutableBytes, at: 8 + headerBytes + place.lowerBound) }
            tensors.append((name, Tensor(elementType: type, shape: shape, buffer: buffer)))
        }
        guard end == size - 8 - headerBytes else { throw bad("it has bytes after its last tensor, or not all of them") }
        return (tensors, object["__metadata__"] as? [String: String] ?? [:])
    }

    private static func header(
        _ tensors: [(name: String, tensor: Tensor)], _ metadata: [String: String], _ path: String
    ) throws(TrainingError) -> [UInt8] {
        var parts: [String] = []
        if !metadata.isEmpty { parts.append("\"__metadata__\":" + String(decoding: try compact(metadata), as: UTF8.self)) }
        var offset = 0
        for (name, tensor) in tensors {
            guard let code = codes.first(where: { $0.type == tensor.elementType })?.code else {
                throw .cannotWrite(path: path, reason: "'\(name)' is of type \(tensor.elementType.name), which safetensors do not have")
            }
            let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
            let end = offset + tensor.bytes.count
            parts.append(
                String(decoding: try compact(name), as: UTF8.self)
                    + #":{"dtype":"\#(code)","shape":[\#(shape)],"data_offsets":[\#(offset),\#(end)]}"#)
            offset = end
        }
        var json = Array(("{" + parts.joined(separator: ",") + "}").utf8)
        // Tensors begin at a multiple of eight bytes, as in files of the format's own writer.
        while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
        return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
    }

    private static func compact(_ value: some Encodable) throws(TrainingError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return try encoder.encode(value) } catch { throw .cannotWrite(path: "a safetensors header", reason: "\(error)") }
    }
}
