import Arrivals
import Foundation
package import SystemPackage

/// Reads and writes small files that we own: cards, reasons, `ACTIVE`, checkpoints.
package enum JSONFile {
    /// Encodes with sorted keys, so that the same value gives the same bytes. Not-a-number and infinities are strings.
    package static func encode(_ value: some Encodable, for path: FilePath) throws(FileSystemError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do { return try Array(encoder.encode(value)) + [UInt8(ascii: "\n")] } catch { throw .badDocument(path, why: "\(error)") }
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from path: FilePath) throws(FileSystemError) -> Value {
        try decode(type, read(path), path)
    }

    /// Decodes an open file, which stays the caller's.
    static func decode<Value: Decodable>(
        _ type: Value.Type, from descriptor: FileDescriptor, named path: FilePath
    ) throws(FileSystemError) -> Value {
        try decode(type, readEnd(of: descriptor, path, upTo: .max).bytes, path)
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8], _ path: FilePath
    ) throws(FileSystemError) -> Value {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do { return try decoder.decode(type, from: Data(bytes)) } catch { throw .badDocument(path, why: "\(error)") }
    }

    package static func read(_ path: FilePath) throws(FileSystemError) -> [UInt8] { try readEnd(of: path, upTo: .max).bytes }

    /// Returns the last bytes of a file, and whether they are all of it.
    package static func readEnd(of path: FilePath, upTo limit: Int64) throws(FileSystemError) -> (bytes: [UInt8], isWhole: Bool) {
        let descriptor = try Disk.open(path, .readOnly, .nonBlocking, doing: "read")
        defer { Disk.close(descriptor) }
        return try readEnd(of: descriptor, path, upTo: limit)
    }

    private static func readEnd(
        of descriptor: FileDescriptor, _ path: FilePath, upTo limit: Int64
    ) throws(FileSystemError) -> (bytes: [UInt8], isWhole: Bool) {
        let status = try Disk.status(descriptor, path)
        guard status.kind == .regular else { throw .notRegular(path) }
        let start = max(0, status.stamp.size - limit)
        var bytes = [UInt8](repeating: 0, count: Int(status.stamp.size - start))
        var offset = 0
        while offset < bytes.count {
            let count = try Disk.read(descriptor, at: start + Int64(offset), into: &bytes, offset..<bytes.count, path)
            if count == 0 { break }
            offset += count
        }
        return (Array(bytes[..<offset]), start == 0)
    }

    /// Writes a new file, which is durable except for its directory entry.
    package static func write(_ bytes: [UInt8], to path: FilePath, _ access: FileAccess? = nil) throws(FileSystemError) {
        let descriptor = try Disk.open(path, .writeOnly, [.create, .truncate, .noFollow], doing: "write")
        defer { Disk.close(descriptor) }
        try Disk.write(bytes, to: descriptor, path)
        if let access { try Disk.grant(access, file: path) }
        try Disk.sync(descriptor, path)
    }

    /// Writes a file beside `target`, syncs it, renames it over `target`, and syncs the directory. It is only for names that are ours by
    /// definition.
    package static func replace(_ target: FilePath, with bytes: [UInt8], staged: FilePath, _ access: FileAccess? = nil)
        throws(FileSystemError)
    {
        try write(bytes, to: staged, access)
        try Disk.replaceOurs(target, by: staged)
    }
}
