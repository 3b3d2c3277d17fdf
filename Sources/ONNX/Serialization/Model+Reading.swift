package import Foundation
import Machine
import ONNXProto
import SwiftProtobuf
import Tensors

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Limits what is read from a file that nobody vouches for.
package struct ReadingLimits: Sendable {
    /// The largest depth of nested messages; a graph in an attribute of a node in a graph takes three.
    package var depth = 100
    /// The largest number of messages: nodes, attributes, tensors, types and so on, together.
    package var messages = 5_000_000
    /// The largest size of one protobuf message.
    package var byteCount = Int(Int32.max)
    /// The bounds on nodes and on the values that subgraphs see, which are checked before anything is parsed.
    package var bounds = ModelBounds()

    package init() {}
}

extension Model {
    /// Parses a model. `serialized` is not needed any more afterwards; large tensors are copied once.
    package init(serialized: Data, limits: ReadingLimits = ReadingLimits()) throws(ONNXError) {
        if serialized.isEmpty { throw .malformed(reason: "it is empty") }
        if serialized.count > limits.byteCount {
            throw .tooLarge(byteCount: serialized.count, limit: limits.byteCount)
        }
        var survey = WireSurvey(limits)
        try serialized.borrow { (bytes) throws(ONNXError) in try survey.run(bytes) }
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = limits.depth + 2
        let proto: Onnx_ModelProto
        do {
            proto = try Onnx_ModelProto(serializedBytes: serialized, options: options)
        } catch BinaryDecodingError.messageDepthLimit {
            throw .nestedTooDeeply(limit: limits.depth)
        } catch BinaryDecodingError.invalidUTF8 {
            throw .malformed(reason: "a name in it is not UTF-8")
        } catch {
            throw .malformed(reason: "its protobuf encoding is broken (\(error))")
        }
        guard proto.hasGraph || proto.hasIrVersion || !proto.opsetImport.isEmpty else {
            throw .malformed(reason: "it holds neither a graph nor an IR version nor an operator set")
        }
        self.init(proto)
    }

    /// Reads and parses the file; its directory becomes the one for external data. The weights files are not touched.
    package static func load(path: String, limits: ReadingLimits = ReadingLimits()) throws(ONNXError) -> Model {
        var model = try Model(serialized: readFile(path, limit: limits.byteCount), limits: limits)
        model.directory = directory(of: path)
        return model
    }

    /// Reads and parses a file that is open already; the caller closes it.
    /// - Parameters:
    ///   - path: the path of the file, for messages.
    ///   - externalData: opens the files of external data.
    package static func load(
        descriptor: CInt, path: String, externalData: ExternalDataDirectory, limits: ReadingLimits = ReadingLimits()
    ) throws(ONNXError) -> Model {
        var model = try Model(serialized: readFile(descriptor, path, limit: limits.byteCount), limits: limits)
        model.openedExternalData = externalData
        return model
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func readFile(_ path: String, limit: Int) throws(ONNXError) -> Data {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .cannotRead(path: path, reason: errnoText(), code: errno) }
        defer { close(file) }
        return try readFile(file, path, limit: limit)
    }

    private static func readFile(_ file: CInt, _ path: String, limit: Int) throws(ONNXError) -> Data {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .cannotRead(path: path, reason: errnoText(), code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .malformed(reason: "\(path) is not a regular file") }
        let size = Int(status.st_size)
        if size > limit { throw .tooLarge(byteCount: size, limit: limit) }
        guard size > 0 else { throw .malformed(reason: "\(path) is empty") }
        // The memory is needed for its bytes, and for the graph that is parsed from them.
        do throws(OutOfMemory) { try OutOfMemory.check(2 * size) } catch { throw .outOfMemory(error) }
        guard let memory = malloc(size) else { throw .outOfMemory(OutOfMemory(needed: size, available: MachineMemory.available())) }
        var done = 0
        while done < size {
            let count = pread(file, memory + done, min(size - done, 1 << 30), off_t(done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let code = count == 0 ? 0 : errno
                free(memory)
                throw .cannotRead(path: path, reason: code == 0 ? "it became shorter while it was read" : errnoText(code), code: code)
            }
            done += count
        }
        return Data(bytesNoCopy: memory, count: size, deallocator: .free)
    }
}
