import Columnar
import Engine
package import Landing
import ONNX
import Reasons
import SystemPackage
import Training

// The kind of failure that each error of a module is, and its wording. No switch here has a `default`: a new error does not compile before
// it has its kind. What a kind leads to is decided in `FailurePolicy`.

// MARK: Files

extension LandingError {
    /// The causes that failures tell apart. Each error has one.
    fileprivate enum Cause {
        case system(Errno)
        /// Of the machine, whatever the file is.
        case machine
        case missing(FilePath)
        /// Something else than a file of the spool has the name.
        case notInSpool
        case changing
        /// Something that stays as it is has the name that an output or a version would get, or no file can have that name.
        case nameTaken
        case unfinished(LandingError)
        case other
    }

    fileprivate var cause: Cause {
        switch self {
        case .system(_, _, let code): .system(code)
        case .noSpace, .claimed, .crossMount: .machine
        case .missing(let path): .missing(path)
        case .outsideSpool, .notRegular: .notInSpool
        case .changedWhileRead: .changing
        case .targetNotOurs, .targetTwice, .targetOwned, .versionTaken, .badName: .nameTaken
        case .unfinished(_, let why): .unfinished(why)
        case .largerThanDisk, .nested, .stagedDiffers, .noStagingPlace, .noAtomicPublish, .noSuchVersion, .notInGroup, .badDocument,
            .copyDiffers, .ledger:
            .other
        }
    }
}

extension Failure {
    /// The failure to put something on disk.
    package init(landing error: LandingError, place: String) {
        self.init(Self.kind(landing: error), what: "\(error)", place: place, remedy: "Nothing: it is tried again.")
    }

    private static func kind(landing error: LandingError) -> Kind {
        switch error.cause {
        case .system(let code): MachineFault.kind(writing: code.rawValue)
        case .machine: .machine
        // Not what was written is gone, but the folder that it was written to.
        case .missing(let path) where path.components.count > 1 && !MachineFault.isThere(path.removingLastComponent()): .machine
        case .unfinished(let why): kind(landing: why)
        case .missing, .notInSpool, .changing, .nameTaken, .other: .resource
        }
    }

    /// The failure to open or to read an input.
    package init(opening error: LandingError, place: String) {
        switch error.cause {
        case .missing: self.init(.inputGone, what: "it is not there any more", place: place, remedy: "Drop it again if it is wanted.")
        case .notInSpool: self.init(.inputChanged, what: "\(error)", place: place, remedy: "Drop the file itself under its name.")
        case .changing:
            self.init(
                .inputChanged, what: "it changed while it was read", place: place,
                remedy: "Nothing: it is taken up again when it is complete.")
        case .system(let code):
            self.init(
                MachineFault.kind(reading: code.rawValue), what: "it cannot be read: \(code)", place: place,
                remedy: "Nothing: it is tried again.")
        case .machine, .nameTaken, .unfinished, .other: self.init(landing: error, place: place)
        }
    }

    /// The failure to read the file of a model.
    init(openingModel error: LandingError, place: String) {
        switch error.cause {
        case .changing: self = .modelChanged(place)
        case .system(let code):
            self.init(
                MachineFault.kind(reading: code.rawValue), what: "the model cannot be read: \(code)", place: place,
                remedy: "It is tried again.")
        case .missing, .machine, .notInSpool, .nameTaken, .unfinished, .other:
            self.init(.inputGone, what: "the model cannot be read: \(error)", place: place, remedy: "Put it back, or drop it again.")
        }
    }

    /// The failure of a model whose file has other content than was expected.
    static func modelChanged(_ place: String) -> Failure {
        Failure(
            .inputChanged, what: "the model is not the one that was expected", place: place,
            remedy: "It is taken up again when it is quiet.")
    }

    /// The failure to publish a result.
    package init(publishing error: LandingError, place: String) {
        switch error.cause {
        case .nameTaken:
            self.init(
                .badInput, rule: .outputTaken, what: "\(error)", place: place,
                remedy: "Move what stands there away, or rename the input, then `millrace retry`.")
        case .system, .machine, .missing, .notInSpool, .changing, .unfinished, .other: self.init(landing: error, place: place)
        }
    }
}

// MARK: Tables

extension Failure {
    /// What went wrong while a data file was read.
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

    /// What went wrong while an output was made.
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
    /// A model that cannot be read: its own fault, or that of a machine that is too small for it.
    init(model error: ONNXError, place: String) {
        switch error {
        case .outOfMemory:
            self.init(
                .resource, what: "the model does not fit: \(error)", place: place,
                remedy: "Free memory, raise the limit of the process, or use a larger machine.")
        // The disk refused it; nothing is wrong with the model.
        case .cannotWrite(_, _, let code):
            self.init(
                MachineFault.kind(writing: code), what: "\(error)", place: place, remedy: "Free space or mend the disk; it is tried again.")
        case .cannotRead(_, _, let code) where code != 0:
            self.init(MachineFault.kind(reading: code), what: "\(error)", place: place, remedy: "It is tried again.")
        case .nestedTooDeeply, .tooManyParts, .tooLarge:
            self.init(.badModel, rule: .limitModel, what: "\(error)", place: place, remedy: Rule.limitModel.remedy)
        case .cannotRead, .malformed, .invalid, .externalData, .unsupported:
            self.init(.badModel, what: "\(error)", place: place, remedy: "Export the model again, and check it with `millrace inspect`.")
        }
    }

    /// A model that the engine does not load.
    init(loading error: EngineError, place: String) {
        let remedy =
            switch error {
            case .unsupportedOperator: "Export the model with operators and an opset that the engine has."
            case .libraryTooOld: "Run Scripts/setup."
            case .outOfMemory: "Free memory, raise the limit of the process, or use a larger machine."
            case .invalidModel, .modelRefused, .externalData, .unknownInput, .unknownOutput, .missingInput, .wrongType, .wrongShape,
                .unsupportedElementType, .runFailed, .cancelled, .notText, .noBatchAxis, .engine:
                "Export the model again, and check it with `millrace inspect`."
            }
        self.init(.badModel, what: "\(error)", place: place, remedy: remedy)
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
