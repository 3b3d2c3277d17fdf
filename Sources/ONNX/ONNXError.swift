package import Machine

/// Describes a fault of a model, in words for the user who provided it.
package enum ONNXError: Error, Sendable, Equatable {
    /// The file system refused; another attempt may help. `code` is the system's number for the reason, 0 where it has none.
    case cannotRead(path: String, reason: String, code: Int32)
    case cannotWrite(path: String, reason: String, code: Int32)
    /// The bytes are not an ONNX model, or not a whole one.
    case malformed(reason: String)
    case nestedTooDeeply(limit: Int)
    case tooManyParts(limit: Int)
    case tooLarge(byteCount: Int, limit: Int)
    /// The machine does not have as much memory as the model, or a tensor of it, needs.
    case outOfMemory(OutOfMemory)
    /// The bytes are a model, but one that breaks ONNX's own rules; `place` names the graph, node or tensor.
    case invalid(place: String, reason: String)
    /// The model asks more of an engine than `ModelBounds` allow, before it has computed a row.
    case tooCostly(place: String, reason: String)
    /// A weights file that the model points to may not, or cannot, be read.
    case externalData(tensor: String, location: String, problem: ExternalDataProblem)
    /// The model uses something valid that is not implemented here.
    case unsupported(place: String, reason: String)
}

extension ONNXError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotRead(let path, let reason, _): "cannot read \(path): \(reason)"
        case .cannotWrite(let path, let reason, _): "cannot write \(path): \(reason)"
        case .malformed(let reason): "not an ONNX model: \(reason); export it again, or copy it again if it was cut short"
        case .nestedTooDeeply(let limit):
            "the model's messages are nested more than \(limit) deep; real models stay far below, so it is refused unread"
        case .tooManyParts(let limit):
            "the model consists of more than \(limit) messages; raise the limit only if it comes from someone you trust"
        case .tooLarge(let byteCount, let limit):
            "the model would take \(byteCount) bytes and one message holds at most \(limit); write it with external data"
        case .outOfMemory(let shortage): "\(shortage)"
        case .invalid(let place, let reason): "\(place): \(reason); the model breaks ONNX's rules, export it again"
        case .tooCostly(let place, let reason): "\(place): \(reason)"
        case .externalData(let tensor, let location, let problem):
            "external data of tensor '\(tensor)' at '\(location)': \(problem)"
        case .unsupported(let place, let reason): "\(place): \(reason)"
        }
    }
}

/// Says why external data is refused. The first group is never legitimate in a model that someone else made.
package enum ExternalDataProblem: Sendable, Equatable {
    case absolutePath, parentDirectory, symbolicLink, hardLink(count: Int), notARegularFile, memoryAddressMarker
    case emptyLocation, unprintableLocation
    case unknownKey(String), repeatedKey(String), badNumber(key: String, value: String)
    case missing, unreadable(reason: String)
    case outOfRange(offset: Int, length: Int, fileSize: Int)
    case wrongLength(stated: Int, needed: Int)
    case stringTensor
    case noDirectory
    case changedWhileRead
}

extension ExternalDataProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .absolutePath: "the path is absolute; weights must lie in the model's own directory, put them there and name them relatively"
        case .parentDirectory: "the path goes up with '..'; weights must lie in the model's own directory or below it"
        case .symbolicLink: "the path contains a symbolic link; put the file itself beside the model"
        case .hardLink(let count): "the file has \(count) hard links, so it may be someone else's file under another name; copy it instead"
        case .notARegularFile: "not a regular file"
        case .memoryAddressMarker: "the path is a memory address marker, which only a running process may use; the file was tampered with"
        case .emptyLocation: "no location is given"
        case .unprintableLocation: "the path contains a zero or control character"
        case .unknownKey(let key): "unknown key '\(key)'; only location, offset, length and checksum exist"
        case .repeatedKey(let key): "the key '\(key)' stands there more than once"
        case .badNumber(let key, let value): "\(key) is '\(value)', which is no byte count"
        case .missing: "there is no such file; drop it together with the model"
        case .unreadable(let reason): reason
        case .outOfRange(let offset, let length, let fileSize):
            "bytes \(offset) to \(offset) + \(length) do not lie in the file, which has \(fileSize); it was cut short, or "
                + "belongs to another model"
        case .wrongLength(let stated, let needed): "\(stated) bytes are named but the tensor's type and shape need \(needed)"
        case .stringTensor: "strings cannot lie in external data"
        case .noDirectory: "the model was read from bytes alone, so there is no directory to look in; load it from its file"
        case .changedWhileRead: "the file became shorter while it was read; wait until it is complete"
        }
    }
}
