package import FileSystem
package import Reasons

/// Says why training could not start or had to stop, in words for an operator.
package enum TrainingError: Error, Sendable, Equatable {
    /// The labelled data cannot be what the pipeline says it is.
    case badLabels(file: String, reason: Reason, remedy: String)
    /// Nothing is wrong with the labelled rows, but there are too few of them, or too few kinds, to learn from or to judge with.
    case tooFewRows(reason: Reason, remedy: String)
    /// The model cannot be trained, or not with this loss.
    case badModel(reason: Reason, remedy: String)
    /// The loss or the values of a layer are not finite any more.
    case diverged(step: Int, layer: String?, remedy: String)
    /// The content of a file cannot be read, or cannot be written in its format.
    case cannotRead(path: String, reason: Reason)
    case cannotWrite(path: String, reason: Reason)
    /// The disk, or a file on it, does not allow the work.
    case disk(FileSystemError)
    case cancelled
}

extension TrainingError: Reasoned, CustomStringConvertible {
    package var description: String { reason.sentence }

    package var reason: Reason {
        switch self {
        case .badLabels(let file, let reason, let remedy): "\(file): \(reason); \(remedy)"
        case .tooFewRows(let reason, let remedy), .badModel(let reason, let remedy): "\(reason); \(remedy)"
        case .diverged(let step, let layer, let remedy):
            "step \(step): \(layer ?? "the loss") is not finite; \(remedy)"
        case .cannotRead(let path, let reason): "cannot read \(path): \(reason)"
        case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
        case .disk(let error): "\(error)"
        case .cancelled: "training was taken back"
        }
    }
}

/// Calls functions of `FileSystem` and turns their error into this module's.
func onDisk<Result: ~Copyable>(_ body: () throws(FileSystemError) -> Result) throws(TrainingError) -> Result {
    do { return try body() } catch { throw .disk(error) }
}
