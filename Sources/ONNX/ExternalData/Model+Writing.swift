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
        /// The path of the folder, with a slash at its end, which stands before a file's name in messages.
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
        package init(folder: String) {
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
        return try ModelWriter(as: name, to: target, options: options).finish(self)
    }

    func writeGraph(as name: String, to target: Target) throws(ONNXError) {
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
