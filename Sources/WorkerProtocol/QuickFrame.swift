import Arrivals
import Attempts
import Foundation

/// Describes frames of which some kinds, those that are sent for every small file, are written and read without `JSONEncoder` and
/// `JSONDecoder`, which take twenty times as long. What is written is JSON all the same.
package protocol QuickFrame: Codable {
    /// Returns the line of the frame, with its end; nil for a frame of another kind.
    func quickLine() -> [UInt8]?
    /// Returns the frame that the line is; nil for a frame of another kind.
    static func quick(_ line: UnsafeRawBufferPointer) throws -> Self?
}

extension DaemonFrame: QuickFrame {
    private static let beginning = Array(#"{"score":"#.utf8)

    package func quickLine() -> [UInt8]? {
        guard case .score(let order) = self else { return nil }
        var writer = JSONObjectWriter()
        writer.object("score") { writer in
            writer.field("run", order.reference.run)
            writer.field("attempt", order.reference.attempt)
            writer.field("nonce", order.reference.nonce)
            writer.field("setting", order.setting)
            writer.field("path", order.data.path)
            writer.field("digest", order.data.digest)
            if let spool = order.data.spool { writer.field("spool", spool) }
            if let stamp = order.data.stamp {
                writer.field("device", stamp.device)
                writer.field("inode", stamp.inode)
                writer.field("size", stamp.size)
                writer.field("changed", stamp.changed)
            }
            if !order.data.companions.isEmpty { writer.field("companions", order.data.companions) }
            writer.field("output", order.output)
            writer.field("provenance", order.provenance)
            if let content = order.content { writer.field("content", Data(content).base64EncodedString()) }
            if order.hasFile { writer.field("file", 1) }
            if order.outputFollows { writer.field("output follows", 1) }
            if order.isFollowed { writer.field("followed", 1) }
        }
        return writer.line()
    }

    package static func quick(_ line: UnsafeRawBufferPointer) throws -> DaemonFrame? {
        guard line.starts(with: beginning) else { return nil }
        var reader = try JSONObjectReader(line, at: beginning.count)
        var order = ScoreOrder()
        var stamp = FileStamp.none
        while let key = try reader.key() {
            switch key {
            case "run": order.reference.run = try reader.integer()
            case "attempt": order.reference.attempt = try reader.integer()
            case "nonce": order.reference.nonce = try reader.integer()
            case "setting": order.setting = try reader.integer()
            case "path": order.data.path = try reader.string()
            case "digest": order.data.digest = try reader.string()
            case "spool": order.data.spool = try reader.string()
            case "device": stamp.device = try reader.integer()
            case "inode": stamp.inode = try reader.integer()
            case "size": stamp.size = try reader.integer()
            case "changed": stamp.changed = try reader.integer()
            case "companions": order.data.companions = try reader.strings()
            case "output": order.output = try reader.string()
            case "provenance": order.provenance = try reader.texts()
            case "content":
                guard let content = Data(base64Encoded: try reader.string()) else {
                    throw FrameError.malformed("a content that is no Base64")
                }
                order.content = Array(content)
            case "file": order.hasFile = try reader.integer(Int.self) == 1
            case "output follows": order.outputFollows = try reader.integer(Int.self) == 1
            case "followed": order.isFollowed = try reader.integer(Int.self) == 1
            default: try reader.anything()
            }
        }
        if stamp != .none { order.data.stamp = stamp }
        return .score(order)
    }
}

extension WorkerFrame: QuickFrame {
    private static let beginning = Array(#"{"scored":"#.utf8)

    /// Returns the line of an answer that has no failure, no measurement, and nothing about a model that was made; nil for any other frame.
    package func quickLine() -> [UInt8]? {
        guard case .answer(let reference, let result) = self, result.failure == nil, result.training == nil, result.trial == nil,
            result.operatorSets.isEmpty, result.machine == nil, result.measurement == nil, result.graph == nil, result.rewriting == nil
        else { return nil }
        var writer = JSONObjectWriter()
        writer.object("scored") { writer in
            writer.field("run", reference.run)
            writer.field("attempt", reference.attempt)
            writer.field("nonce", reference.nonce)
            if let rows = result.rowCount { writer.field("rows", rows) }
            writer.field("timings", result.timings)
            writer.objects("files", result.files) { writer, file in
                writer.field("slot", file.slot)
                writer.field("path", file.path)
                writer.field("digest", file.digest)
                writer.field("bytes", file.byteCount)
            }
            if !result.types.isEmpty { writer.field("types", result.types) }
            if !result.absentColumns.isEmpty { writer.field("absent", result.absentColumns) }
            if !result.columns.isEmpty { writer.object("columns") { for (name, columns) in result.columns { $0.field(name, columns) } } }
        }
        return writer.line()
    }

    package static func quick(_ line: UnsafeRawBufferPointer) throws -> WorkerFrame? {
        guard line.starts(with: beginning) else { return nil }
        var reader = try JSONObjectReader(line, at: beginning.count)
        var reference = AttemptReference(run: 0, attempt: 0, nonce: 0)
        var result = AttemptResult()
        while let key = try reader.key() {
            switch key {
            case "run": reference.run = try reader.integer()
            case "attempt": reference.attempt = try reader.integer()
            case "nonce": reference.nonce = try reader.integer()
            case "rows": result.rowCount = try reader.integer()
            case "timings": result.timings = try reader.numbers()
            case "types": result.types = try reader.texts()
            case "columns": result.columns = try reader.lists()
            case "absent": result.absentColumns = try reader.strings()
            case "files": result.files = try reader.objects { (reader) throws(JSONObjectReader.Malformed) in try file(&reader) }
            default: try reader.anything()
            }
        }
        return .answer(reference: reference, result: result)
    }

    private static func file(_ reader: inout JSONObjectReader) throws(JSONObjectReader.Malformed) -> AttemptResult.WrittenFile {
        var file = AttemptResult.WrittenFile(slot: "", path: "", digest: "", byteCount: 0)
        while let key = try reader.key() {
            switch key {
            case "slot": file.slot = try reader.string()
            case "path": file.path = try reader.string()
            case "digest": file.digest = try reader.string()
            case "bytes": file.byteCount = try reader.integer()
            default: try reader.anything()
            }
        }
        return file
    }
}
