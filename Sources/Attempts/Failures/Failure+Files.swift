package import FileSystem
import Reasons
import SystemPackage

// This gives each error of the files its kind of failure, and its wording. No switch here has a `default`: a new error does not compile
// before it has its kind. `FailurePolicy` decides what a kind leads to. The errors of models and tables have theirs in
// `Runner/Failure+Errors.swift`.

extension FileSystemError {
    /// Names the causes that failures tell apart. Each error has one.
    fileprivate enum Cause {
        case system(Errno)
        /// The machine is at fault, whatever the file is.
        case machine
        case missing(FilePath)
        /// Something else than a file of the spool has the name.
        case notInSpool
        case changing
        /// Something that stays as it is has the name that an output or a version would get, or no file can have that name.
        case nameTaken
        case unfinished(FileSystemError)
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
    /// Makes the failure to put something on disk.
    package init(landing error: FileSystemError, place: String) {
        self.init(Self.kind(landing: error), what: "\(error)", place: place, remedy: "Nothing: it is tried again.")
    }

    private static func kind(landing error: FileSystemError) -> Kind {
        switch error.cause {
        case .system(let code): MachineFault.kind(writing: code.rawValue)
        case .machine: .machine
        // The folder that it was written to is gone, and not what was written.
        case .missing(let path) where path.components.count > 1 && !MachineFault.isThere(path.removingLastComponent()): .machine
        case .unfinished(let why): kind(landing: why)
        case .missing, .notInSpool, .changing, .nameTaken, .other: .resource
        }
    }

    /// Makes the failure to open or to read an input.
    package init(opening error: FileSystemError, place: String) {
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

    /// Makes the failure to read the file of a model.
    package init(openingModel error: FileSystemError, place: String) {
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

    /// Returns the failure of a model whose file has other content than was expected.
    package static func modelChanged(_ place: String) -> Failure {
        Failure(
            .inputChanged, what: "the model is not the one that was expected", place: place,
            remedy: "It is taken up again when it is quiet.")
    }

    /// Makes the failure to publish a result.
    package init(publishing error: FileSystemError, place: String) {
        switch error.cause {
        case .nameTaken:
            self.init(
                .badInput, rule: .outputTaken, what: "\(error)", place: place,
                remedy: "Move what stands there away, or rename the input, then `millrace retry`.")
        case .system, .machine, .missing, .notInSpool, .changing, .unfinished, .other: self.init(landing: error, place: place)
        }
    }
}
