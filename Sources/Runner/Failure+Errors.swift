import Attempts
import Columnar
import Engine
import FileSystem
import Foundation
import Glibc
import ONNX
import Quantization
import Reasons
import SystemPackage
import Training

// These initializers give each error of models and tables its kind and its wording. No switch here has a `default`: a new error does not
// compile before it has its kind. Errors of files are in `Attempts/Failures/Failure+Files.swift`.

// MARK: Tables

extension Failure {
    /// Describes an error while a data file was read.
    init(reading error: ColumnarError, file: String) {
        let remedy: String
        let kind: Kind
        var rule: Rule?
        switch error {
        case .system(_, _, let code):
            kind = MachineFault.kind(reading: code)
            remedy = "It is tried again."
        case .outOfMemory:
            kind = .resource
            remedy = "It is tried again; give the machine more memory, or set a smaller batch_size."
        case .badFile:
            kind = .badInput
            rule = .dataFormat
            remedy = "Write the file again and drop it in the same place."
        case .mismatch, .badValue:
            kind = .badInput
            rule = if case .mismatch = error { .dataColumns } else { .dataValue }
            remedy = "Mend the file, or say in the pipeline's schema what is meant."
        case .unsupported:
            kind = .badInput
            rule = .dataUnsupported
            remedy = "Drop it in another format."
        case .limit(_, let limit, _):
            kind = .badInput
            rule = limit
            remedy = limit.remedy
        case .badRule:
            kind = .badInput
            rule = .contradiction
            remedy = "Mend the pipeline's schema or outputs, then `millrace replay`."
        }
        self.init(kind, rule: rule, what: "\(error)", place: file, remedy: remedy)
    }

    /// Describes an error while an output was made.
    init(writing error: ColumnarError, file: String) {
        if case .system(let path, _, let code) = error {
            self.init(
                MachineFault.kind(writing: code), what: "\(error)", place: path, remedy: "Free space or mend the disk; it is tried again.")
        } else {
            self.init(reading: error, file: file)
        }
    }
}

// MARK: Models

extension Failure {
    /// Describes a model that cannot be read: the fault is its own, or that of a machine that is too small for it.
    init(model error: ONNXError, place: String) {
        switch error {
        case .outOfMemory:
            self.init(
                .resource, what: "the model does not fit: \(error)", place: place,
                remedy: "Free memory, raise the limit of the process, or use a larger machine.")
        // The disk refused to take it; nothing is wrong with the model.
        case .cannotWrite(_, _, let code):
            self.init(
                MachineFault.kind(writing: code), what: "\(error)", place: place, remedy: "Free space or mend the disk; it is tried again.")
        case .cannotRead(_, _, let code) where code != 0:
            self.init(MachineFault.kind(reading: code), what: "\(error)", place: place, remedy: "It is tried again.")
        case .nestedTooDeeply, .tooManyParts, .tooLarge:
            self.init(.badModel, rule: .limitModel, what: "\(error)", place: place, remedy: Rule.limitModel.remedy)
        case .tooCostly:
            self.init(.badModel, rule: .modelCost, what: "\(error)", place: place, remedy: Rule.modelCost.remedy)
        case .cannotRead, .malformed, .invalid, .externalData, .unsupported:
            self.init(.badModel, what: "\(error)", place: place, remedy: "Export the model again, and check it with `millrace inspect`.")
        }
    }

    /// Describes a model that the engine does not load.
    init(loading error: EngineError, place: String) {
        guard !error.isOutOfMemory else {
            self.init(
                .memoryLimit, what: "the model outgrows the memory as it is loaded: \(error)", place: place,
                remedy: "Raise limits.memory, free memory, or make the model smaller.")
            return
        }
        let remedy =
            switch error {
            case .unsupportedOperator: "Export the model with operators and an opset that the engine has."
            case .libraryTooOld, .openVINOMissing: "Run Scripts/setup."
            case .outOfMemory, .invalidModel, .modelRefused, .externalData, .unknownInput, .unknownOutput, .missingInput, .wrongType,
                .wrongShape,
                .unsupportedElementType, .runFailed, .cancelled, .notText, .noBatchAxis, .engine:
                "Export the model again, and check it with `millrace inspect`."
            }
        self.init(.badModel, what: "\(error)", place: place, remedy: remedy)
    }
}

extension Failure {
    /// Describes a model that needs more memory than there is, even with a few rows.
    init(outgrowing error: EngineError, place: String) {
        self.init(
            .memoryLimit, what: "the model outgrows the memory with three rows of ones: \(error)", place: place,
            remedy: "Raise limits.memory, or make the model smaller.")
    }
}

extension Failure {
    /// Describes a model that is not written in another form.
    init(rewriting error: QuantizationError, place: String) {
        switch error {
        case .model(let error): self.init(model: error, place: place)
        case .calibration:
            self.init(.badInput, what: "\(error)", place: place, remedy: "Give other rows, or use the model in another form.")
        case .alreadyQuantized, .unknownNode, .invalidOption, .nothingToQuantize, .unsupported:
            self.init(.badModel, what: "\(error)", place: place, remedy: "Use the model in another form.")
        }
    }
}

// MARK: Training

extension Failure {
    init(training error: TrainingError, _ spec: AttemptSpec) {
        let place = spec.place
        switch error {
        case .badLabels(let file, let reason, let remedy): self.init(.badInput, what: reason, place: file, remedy: remedy)
        case .tooFewRows(let reason, let remedy):
            self.init(.tooFewRows, what: reason, place: place, remedy: remedy.prefix(1).uppercased() + remedy.dropFirst() + ".")
        case .badModel(let reason, let remedy):
            self.init(.badModel, rule: .modelUntrainable, what: "the model cannot be trained: \(reason)", place: place, remedy: remedy)
        case .diverged(_, _, let remedy): self.init(.diverged, what: "\(error)", place: place, remedy: remedy)
        case .cannotRead(let path, _), .cannotWrite(let path, _):
            self.init(.resource, what: "\(error)", place: path, remedy: "It is tried again.")
        case .disk(let cause): self.init(landing: cause, place: spec.training?.checkpoints ?? place)
        case .cancelled:
            self.init(.cancelled, what: "the attempt was taken back", place: place, remedy: "It goes on from its last checkpoint.")
        }
    }
}

// MARK: Any error

extension Failure {
    /// Describes an error of functions that put something on disk and throw any error.
    init(writing error: any Error, place: String) {
        if let error = error as? FileSystemError {
            self.init(landing: error, place: place)
            return
        }
        if case .disk(let cause)? = error as? TrainingError {
            self.init(landing: cause, place: place)
            return
        }
        let code = (error as? Errno)?.rawValue ?? Self.systemCode(error as NSError)
        self.init(
            code.map(MachineFault.kind(writing:)) ?? .resource, what: "\((error as? any LocalizedError)?.errorDescription ?? "\(error)")",
            place: place, remedy: "Nothing: it is tried again.")
    }

    /// Returns the error number of the system call that caused an error of Foundation.
    private static func systemCode(_ error: NSError) -> Int32? {
        if error.domain == NSPOSIXErrorDomain { return Int32(error.code) }
        if let under = error.userInfo[NSUnderlyingErrorKey] as? NSError { return systemCode(under) }
        switch CocoaError.Code(rawValue: error.code) {
        case .fileWriteOutOfSpace where error.domain == NSCocoaErrorDomain: return ENOSPC
        case .fileWriteNoPermission where error.domain == NSCocoaErrorDomain: return EACCES
        case .fileWriteVolumeReadOnly where error.domain == NSCocoaErrorDomain: return EROFS
        default: return nil
        }
    }
}
