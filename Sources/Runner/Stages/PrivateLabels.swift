import Arrivals
import Attempts
import Columnar
import FileSystem
import Foundation
import Reasons
import Recipes
import SystemPackage

/// Keeps labelled rows without the columns that are dropped, and with hashes in place of values that are hashed.
struct PrivateLabels {
    private let tools: AttemptTools
    private let labelled: AttemptSpec.LabelledFile
    /// The place of the file among all that the attempt learns from.
    private let number: Int
    private let folder: any GivenFolder

    init(_ tools: AttemptTools, _ labelled: AttemptSpec.LabelledFile, _ number: Int, _ folder: any GivenFolder) {
        self.tools = tools
        self.labelled = labelled
        self.number = number
        self.folder = folder
    }

    /// Makes `name` a durable file with these rows, and removes what was kept of them under another `privacy`, or under none.
    func keep(as name: String, _ privacy: RowPrivacy) throws(Failure) {
        let others = try onDisk { () throws(FileSystemError) in
            try folder.names().filter { $0.hasPrefix(labelled.file.digest) && $0 != name }
        }
        if let whole = others.first(where: { $0.hasPrefix(labelled.file.digest + ".") }) {
            let kept = try onDisk { () throws(FileSystemError) in try folder.open(whole) }
            defer { Disk.close(kept) }
            try write(kept, as: name, privacy)
        } else {
            let opened = try OpenedInput(labelled.file, as: .labels(number), from: tools.opener)
            try write(opened.file, as: name, privacy) { () throws(Failure) in try opened.verifyUnchanged() }
        }
        for other in others { try onDisk { () throws(FileSystemError) in try folder.remove(other) } }
        if !others.isEmpty { try onDisk { () throws(FileSystemError) in try folder.sync() } }
    }

    /// - Parameter check: throws where the rows are not those that were numbered.
    private func write(
        _ source: FileDescriptor, as name: String, _ privacy: RowPrivacy, _ check: () throws(Failure) -> Void = {}
    ) throws(Failure) {
        var failure: Failure?
        do throws(FileSystemError) {
            try folder.keep(as: name) { (copy, path) throws(FileSystemError) in
                do throws(Failure) {
                    try copyRows(source, privacy, to: copy)
                    try check()
                } catch {
                    failure = error
                    throw .changedWhileRead(FilePath(labelled.file.path))
                }
                try Disk.sync(copy, path)
            }
        } catch {
            throw failure ?? Failure(landing: error, place: labelled.file.path)
        }
    }

    private func copyRows(_ source: FileDescriptor, _ privacy: RowPrivacy, to copy: FileDescriptor) throws(Failure) {
        let schema = tools.spec.schema
        do throws(ColumnarError) {
            let rows = try PrivateCopy(
                of: labelled.file.path, open: source.rawValue, dialect: schema.dialect, privacy: privacy, types: schema.typeNames)
            try rows.write(to: copy.rawValue)
        } catch {
            throw Failure(reading: error, file: labelled.file.path)
        }
    }

    private func onDisk<Result>(_ body: () throws(FileSystemError) -> Result) throws(Failure) -> Result {
        do throws(FileSystemError) { return try body() } catch { throw Failure(landing: error, place: labelled.file.path) }
    }
}
