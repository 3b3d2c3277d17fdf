import Foundation
import ONNXProto
import SwiftProtobuf
import Tensors

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension Model {
    /// Decides how a model is divided between the graph's file and a weights file.
    package struct WritingOptions: Sendable {
        /// The number of bytes above which a model's tensors get a weights file; protobuf ends at 2 GiB.
        package var embeddedBytesAtMost = 2_000_000_000
        /// The number of bytes below which a tensor stays in the graph's file even then.
        package var externalTensorBytesAtLeast = 1024

        package init() {}
    }

    /// Makes the files that a model is written to.
    package struct Target {
        /// What stands before a file's name in messages: the path of the folder, with a slash at its end.
        let folder: String
        /// Makes a file that must not be there, and opens it to be written; the caller closes it.
        let create: (_ name: String) throws(ONNXError) -> CInt
        /// Removes a file that was begun.
        let remove: (_ name: String) -> Void

        package init(
            folder: String, create: @escaping (_ name: String) throws(ONNXError) -> CInt, remove: @escaping (_ name: String) -> Void
        ) {
            self.folder = folder
            self.create = create
            self.remove = remove
        }

        /// Makes the files in a folder by their names. No link is followed.
        init(folder: String) {
            self.init(folder: folder) { name throws(ONNXError) in
                let file = open(folder + name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
                if file < 0 { throw .cannotWrite(path: folder + name, reason: errnoText(), code: errno) }
                return file
            } remove: { name in
                unlink(folder + name)
            }
        }
    }

    /// Writes new files, `path` and if needed `path.data`, as below, and returns their paths. Neither may exist, and no link is followed.
    @discardableResult
    package func write(to path: String, options: WritingOptions = WritingOptions()) throws(ONNXError) -> [String] {
        let begin = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
        let folder = String(path[..<begin])
        return try write(as: String(path[begin...]), to: Target(folder: folder), options: options).map { folder + $0 }
    }

    /// Writes new files, `name` and if needed `name.data`, the weights first, and returns their names in that order. A model that came with
    /// external data is written with its own weights file, whose name and layout are ours. On failure no file that was begun is left. The
    /// caller makes the files durable and visible.
    @discardableResult
    package func write(
        as name: String, to target: Target, options: WritingOptions = WritingOptions()
    ) throws(ONNXError) -> [String] {
        var total = 0
        var hasExternal = false
        forEachTensor { _, tensor in
            let bytes = tensor.byteCount ?? 0
            total = total.addingReportingOverflow(bytes).partialValue
            hasExternal = hasExternal || tensor.isExternal
        }
        guard hasExternal || total > options.embeddedBytesAtMost else {
            try writeGraph(as: name, to: target)
            return [name]
        }
        let weightsName = name + ".data"
        let location = String(weightsName[(weightsName.lastIndex(of: "/").map(weightsName.index(after:)) ?? weightsName.startIndex)...])
        let source = hasExternal ? try externalData() : nil
        var model = self
        let weights = try FreshFile(weightsName, of: target)
        do throws(ONNXError) {
            try model.mapTensors { (tensor, isInitializer) throws(ONNXError) in
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
            weights.discard()
            throw error
        }
        return [weightsName, name]
    }

    private func writeGraph(as name: String, to target: Target) throws(ONNXError) {
        let bytes = try serialized()
        let file = try FreshFile(name, of: target)
        do throws(ONNXError) {
            try bytes.borrow { (bytes) throws(ONNXError) in try file.write(bytes) }
            try file.finish()
        } catch {
            file.discard()
            throw error
        }
    }
}

extension StoredTensor {
    /// Appends the elements to `weights`, aligned so that a reader may map them, and keeps only their place.
    fileprivate mutating func move(
        to weights: FreshFile, location: String, from source: ExternalDataDirectory?
    ) throws(ONNXError) {
        guard let length = byteCount else { throw invalid("the shape \(shape) has no byte count") }
        try weights.align(to: length >= 1 << 20 ? 4096 : 64)
        let offset = weights.byteCount
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

/// Represents a file that did not exist before.
final class FreshFile {
    private let name: String
    private let target: Model.Target
    /// The descriptor, which is owned: `finish`, `discard` or deinit closes it.
    private var descriptor: CInt
    private(set) var byteCount = 0

    init(_ name: String, of target: Model.Target) throws(ONNXError) {
        self.name = name
        self.target = target
        descriptor = try target.create(name)
    }

    private var path: String { target.folder + name }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func write(_ bytes: UnsafeRawBufferPointer) throws(ONNXError) {
        var done = 0
        while done < bytes.count {
            let count = systemWrite(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .cannotWrite(path: path, reason: errnoText(), code: errno) }
            done += count
        }
        byteCount += bytes.count
    }

    func align(to boundary: Int) throws(ONNXError) {
        let padding = (boundary - byteCount % boundary) % boundary
        if padding == 0 { return }
        let zeros = Data(count: padding)
        try zeros.borrow { (bytes) throws(ONNXError) in try write(bytes) }
    }

    func finish() throws(ONNXError) {
        let failed = close(descriptor) != 0
        descriptor = -1
        if failed { throw .cannotWrite(path: path, reason: errnoText(), code: errno) }
    }

    func discard() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        target.remove(name)
    }
}

/// Calls `write(2)`, whose name a method of the same name hides.
private func systemWrite(_ file: CInt, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(file, bytes, count) }
