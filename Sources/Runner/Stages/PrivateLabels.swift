import Arrivals
import Attempts
import Columnar
import FileSystem
import Foundation
import Names
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

    /// Says without what a file of rows was kept, in a small file beside it. From such a file rows can be kept under another `privacy` when
    /// the labels themselves are gone.
    private struct Record: Codable {
        let drop: [String]
        let hash: [String]
    }

    private static let recordEnd = ".privacy.json"

    /// Makes `name` a durable file with these rows, and removes what was kept of them under another `privacy`, or under none. Returns the
    /// columns that `privacy` names and that the rows do not have.
    func keep(as name: String, _ privacy: RowPrivacy) throws(Failure) -> [String] {
        var absent: [String] = []
        let stem = Self.stem(name)
        let others = try onDisk { () throws(FileSystemError) in
            try folder.names().filter { $0.hasPrefix(labelled.file.digest) && Self.stem($0) != stem }
        }
        try note(Record(drop: privacy.drop, hash: privacy.hash), stem)
        if let whole = others.first(where: { $0.hasPrefix(labelled.file.digest + ".") }) {
            absent = try write(whole, as: name, tools.spec.schema.dialect, privacy)
        } else {
            do throws(Failure) {
                let opened = try OpenedInput(labelled.file, as: .labels(number), from: tools.opener)
                absent = try write(opened.file, as: name, tools.spec.schema.dialect, privacy) { () throws(Failure) in
                    try opened.verifyUnchanged()
                }
            } catch {
                guard let kept = keptBefore(others) else { throw error }
                // What is a hash already stays one, also where it was made with another key.
                let added = privacy.hash.filter { !kept.record.hash.containsName($0) }
                try note(Record(drop: privacy.drop, hash: kept.record.hash + added), stem)
                let rest = RowPrivacy(drop: privacy.drop, hash: added, key: privacy.key)
                _ = try write(kept.name, as: name, tools.spec.schema.ofKeptRows.dialect, rest)
            }
        }
        for other in others { try onDisk { () throws(FileSystemError) in try folder.remove(other) } }
        if !others.isEmpty { try onDisk { () throws(FileSystemError) in try folder.sync() } }
        return absent
    }

    private func note(_ record: Record, _ stem: String) throws(Failure) {
        try onDisk { () throws(FileSystemError) in
            try folder.write(JSONFile.encode(record, for: folder.path(of: stem)), to: stem + Self.recordEnd)
        }
    }

    /// Returns the rows as they were kept under another `privacy`, and which that was; nil where there are none.
    private func keptBefore(_ others: [String]) -> (name: String, record: Record)? {
        for name in others where !name.hasSuffix(Self.recordEnd) {
            guard let record = try? folder.decode(Record.self, from: Self.stem(name) + Self.recordEnd) else { continue }
            return (name, record)
        }
        return nil
    }

    /// Returns the name without its extensions.
    private static func stem(_ name: String) -> String { String(name.prefix { $0 != "." }) }

    /// Writes the rows that are kept in `source`.
    private func write(_ source: String, as name: String, _ dialect: TextDialect, _ privacy: RowPrivacy) throws(Failure) -> [String] {
        let kept = try onDisk { () throws(FileSystemError) in try folder.open(source) }
        defer { Disk.close(kept) }
        return try write(kept, as: name, dialect, privacy, named: source)
    }

    /// - Parameters:
    ///   - source: the open file with the rows.
    ///   - named: a name for its format; nil where it has the name of the labels.
    ///   - check: throws where the rows are not those that were numbered.
    private func write(
        _ source: FileDescriptor, as name: String, _ dialect: TextDialect, _ privacy: RowPrivacy, named: String? = nil,
        _ check: () throws(Failure) -> Void = {}
    ) throws(Failure) -> [String] {
        var failure: Failure?, absent: [String] = []
        do throws(FileSystemError) {
            try folder.keep(as: name) { (copy, path) throws(FileSystemError) in
                do throws(Failure) {
                    absent = try copyRows(source, named ?? labelled.file.path, dialect, privacy, to: copy)
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
        return absent
    }

    private func copyRows(
        _ source: FileDescriptor, _ name: String, _ dialect: TextDialect, _ privacy: RowPrivacy, to copy: FileDescriptor
    ) throws(Failure) -> [String] {
        do throws(ColumnarError) {
            let rows = try PrivateCopy(
                of: name, open: source.rawValue, dialect: dialect, privacy: privacy, types: tools.spec.schema.typeNames)
            return try rows.write(into: copy.rawValue)
        } catch {
            throw Failure(reading: error, file: labelled.file.path)
        }
    }

    private func onDisk<Result>(_ body: () throws(FileSystemError) -> Result) throws(Failure) -> Result {
        do throws(FileSystemError) { return try body() } catch { throw Failure(landing: error, place: labelled.file.path) }
    }
}
