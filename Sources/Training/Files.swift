import Crypto
import Foundation
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An open file, closed with its owner.
final class OwnedFile {
    private let path: String
    private let descriptor: FileDescriptor

    init(creating path: String) throws(TrainingError) {
        self.path = path
        do {
            descriptor = try .open(FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch { throw .cannotWrite(path: path, reason: "\(error)") }
    }

    init(reading path: String) throws(TrainingError) {
        self.path = path
        do { descriptor = try .open(FilePath(path), .readOnly, options: [.closeOnExec]) } catch {
            throw .cannotRead(path: path, reason: "\(error)")
        }
    }

    deinit { try? descriptor.close() }

    func write(_ bytes: UnsafeRawBufferPointer) throws(TrainingError) {
        do { try descriptor.writeAll(bytes) } catch { throw .cannotWrite(path: path, reason: "\(error)") }
    }

    func sync() throws(TrainingError) {
        guard fsync(descriptor.rawValue) == 0 else { throw .cannotWrite(path: path, reason: errnoText()) }
    }

    func byteCount() throws(TrainingError) -> Int {
        do { return Int(try descriptor.seek(offset: 0, from: .end)) } catch { throw .cannotRead(path: path, reason: "\(error)") }
    }

    /// Fills `target` whole from `position`.
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(TrainingError) {
        var done = 0
        while done < target.count {
            let step: Int
            do {
                step = try descriptor.read(
                    fromAbsoluteOffset: Int64(position + done), into: UnsafeMutableRawBufferPointer(rebasing: target[done...]))
            } catch { throw .cannotRead(path: path, reason: "\(error)") }
            guard step > 0 else { throw .cannotRead(path: path, reason: "it ends early") }
            done += step
        }
    }
}

/// Writes files so that each is whole under its name or absent, whenever the process or the machine stops.
enum DurableFile {
    /// Writes beside `path`, syncs, renames, and syncs the directory.
    static func write(to path: String, _ body: (OwnedFile) throws(TrainingError) -> Void) throws(TrainingError) {
        let staged = path + ".part"
        let file = try OwnedFile(creating: staged)
        try body(file)
        try file.sync()
        guard rename(staged, path) == 0 else { throw .cannotWrite(path: path, reason: errnoText()) }
        try syncDirectory(of: path)
    }

    /// Syncs a file that was written beside `path` and gives it that name.
    static func publish(_ staged: String, as path: String) throws(TrainingError) {
        try OwnedFile(reading: staged).sync()
        guard rename(staged, path) == 0 else { throw .cannotWrite(path: path, reason: errnoText()) }
        try syncDirectory(of: path)
    }

    static func write(_ bytes: Data, to path: String) throws(TrainingError) {
        try write(to: path) { file throws(TrainingError) in
            try Array(bytes).withUnsafeBytesTyped { bytes throws(TrainingError) in try file.write(bytes) }
        }
    }

    static func syncDirectory(of path: String) throws(TrainingError) {
        let folder = (path as NSString).deletingLastPathComponent
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotWrite(path: folder, reason: errnoText()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .cannotWrite(path: folder, reason: errnoText()) }
    }
}

func errnoText() -> String { String(cString: strerror(errno)) }

extension [UInt8] {
    func withUnsafeBytesTyped<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { all throws(Failure) in try body(UnsafeRawBufferPointer(all)) }
    }

    mutating func withUnsafeMutableBytesTyped<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutableBufferPointer { all throws(Failure) in try body(UnsafeMutableRawBufferPointer(all)) }
    }
}

extension SHA256 {
    static func hex(_ bytes: Data) -> String { hash(data: bytes).map { String(format: "%02x", $0) }.joined() }

    /// Of a file's content, read in pieces.
    static func hex(ofFile path: String) throws(TrainingError) -> String {
        let file = try OwnedFile(reading: path)
        var left = try file.byteCount(), position = 0
        var hash = SHA256()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while left > 0 {
            let count = Swift.min(left, piece.count)
            try piece.withUnsafeMutableBytesTyped { bytes throws(TrainingError) in
                let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
                try file.read(into: part, at: position)
                hash.update(bufferPointer: UnsafeRawBufferPointer(part))
            }
            left -= count
            position += count
        }
        return hash.finalize().map { String(format: "%02x", $0) }.joined()
    }
}

/// JSON with sorted keys, so that the same value gives the same bytes. Metrics may be no numbers.
func encoded(_ value: some Encodable) throws(TrainingError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do { return try encoder.encode(value) } catch { throw .cannotWrite(path: "a description", reason: "\(error)") }
}

/// What `encoded` made, read from a file; `nil` where there is none or it is damaged.
func decoded<Value: Decodable>(_ type: Value.Type, at path: String) -> Value? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try? decoder.decode(type, from: data)
}
