package import FileSystem
package import Reasons
package import SystemPackage

/// Says why an input was refused: `NAME.reason.json`.
package struct QuarantineReason: Hashable, Sendable, Codable {
    package struct Attempt: Hashable, Sendable, Codable {
        package let number: Int
        package let startedAt: String?
        package let endedAt: String?
        /// The error, without the values of cells.
        package let error: String
        /// The values of the cells that the error is about; nil where it is about none, or where they are hidden.
        package let cells: CellValues?

        package init(number: Int, startedAt: String? = nil, endedAt: String? = nil, error: Reason) {
            self.number = number
            self.startedAt = startedAt
            self.endedAt = endedAt
            self.error = error.text
            cells = error.cells
        }

        fileprivate var withoutValues: Attempt { Attempt(number: number, startedAt: startedAt, endedAt: endedAt, error: Reason(error)) }

        package enum CodingKeys: String, CodingKey {
            case number, error, cells
            case startedAt = "started_at"
            case endedAt = "ended_at"
        }
    }

    package let pipeline: String
    /// The path relative to the spool.
    package let path: String
    package let digest: String?
    /// The sentence that says what is wrong, without values of cells.
    package let what: String
    /// The values of the cells that the sentence is about; nil where it is about none, or where they are hidden.
    package private(set) var cells: CellValues?
    /// The place of the fault: file, row, column, key or node.
    package let place: String?
    package let rule: Rule
    package let remedy: String
    package private(set) var attempts: [Attempt]
    /// The time in UTC and ISO 8601.
    package let quarantinedAt: String
    package var arrival: Int64?
    package var run: Int64?
    package var revision: String?
    package var modelVersion: Int?
    package var arrivedAt: String?
    /// The path where the input is now.
    package fileprivate(set) var input: String?
    private let writtenBy: String

    package init(
        pipeline: String, path: String, digest: String?, what: Reason, place: String?, rule: Rule, remedy: String, attempts: [Attempt],
        quarantinedAt: String
    ) {
        self.pipeline = pipeline
        self.path = path
        self.digest = digest
        self.what = what.text
        cells = what.cells
        self.place = place
        self.rule = rule
        self.remedy = remedy
        self.attempts = attempts
        self.quarantinedAt = quarantinedAt
        writtenBy = "millrace"
    }

    /// The reason without the values of cells; nil where it has none.
    fileprivate var withoutValues: QuarantineReason? {
        guard cells != nil || attempts.contains(where: { $0.cells != nil }) else { return nil }
        var reason = self
        reason.cells = nil
        reason.attempts = attempts.map(\.withoutValues)
        return reason
    }

    package enum CodingKeys: String, CodingKey {
        case pipeline, path, digest, what, cells, rule, remedy, attempts, arrival, run, revision, input
        case place = "where"
        case quarantinedAt = "quarantined_at"
        case modelVersion = "model_version"
        case arrivedAt = "arrived_at"
        case writtenBy = "written_by"
    }
}

/// Puts inputs and reasons into the `quarantine:` directory of a pipeline; names mirror the spool's.
package struct Quarantine: Sendable {
    package let path: FilePath
    /// The staging area on the mount of `path`.
    private let area: StagingArea
    private let access: FileAccess
    private let mode: UInt16?

    /// - Parameters:
    ///   - access: the access of reasons, and of inputs unless `mode` says another.
    ///   - mode: the mode of inputs.
    package init(path: FilePath, area: StagingArea, access: FileAccess = .standard, mode: UInt16? = nil) {
        self.access = access
        self.mode = mode
        self.path = path
        self.area = area
    }

    /// Writes only the reason, for `after: keep`: the input stays. Returns the path of the reason.
    @discardableResult
    package func explain(_ reason: QuarantineReason, relative: FilePath) throws(FileSystemError) -> FilePath {
        try write(reason, beside: path.pushing(relative))
    }

    package enum Outcome: Hashable, Sendable {
        case moved([FilePath], reason: FilePath)
        /// Newer content is there: it was left alone, and no reason was written.
        case changed
        case gone
    }

    /// Writes the reason and moves the input beside it, with what belongs to it, for `after: archive` or `delete`. `spoolArea` is on the
    /// spool's mount.
    package func take(_ files: [SpoolFile], reason: QuarantineReason, spoolArea: StagingArea) throws(FileSystemError) -> Outcome {
        guard let first = files.first else { return .gone }
        let root = try ModelSet.root(of: files.map { ($0.relative, $0.digest) }, below: path)
        let target = try CollisionFreeName.free(root.pushing(first.relative), digest: first.digest)
        var reason = reason
        reason.input = target.string
        let written = try write(reason, beside: target)
        FaultPoint.reach(.quarantineReason)
        switch try InputRemoval(destination: path, area: spoolArea, areas: [area], access: access, mode: mode).remove(files) {
        case .removed(let targets):
            // The files of another user keep their mode: only that user may change it.
            if mode == nil { for target in targets { try? Disk.grant(access, file: target) } }
            return .moved(targets, reason: written)
        case .changed:
            try Disk.remove(written)
            return .changed
        case .gone:
            // An earlier attempt moved it there, and was killed before anybody knew.
            if try Disk.status(target) != nil { return .moved([target], reason: written) }
            try Disk.remove(written)
            return .gone
        }
    }

    /// Removes the reason of an input whose cause is gone, such as an input that has been done since: `NAME.reason.json` in `folder`, if it
    /// is about the file at `place`. A reason that explains a file beside it, which was moved there, stays with that file.
    package static func clear(_ relative: FilePath, of place: String, in folder: FilePath) throws(FileSystemError) {
        let file = reasonPath(folder.pushing(relative))
        guard try Disk.status(file) != nil, let reason = try? JSONFile.decode(QuarantineReason.self, from: file), reason.place == place
        else { return }
        if let input = reason.input, try Disk.status(FilePath(input)) != nil { return }
        FaultPoint.reach(.reasonClear)
        try Disk.remove(file)
        try Disk.sync(directory: file.removingLastComponent())
    }

    /// Returns whether nothing was refused, or all of it is gone.
    package static func isEmpty(_ folder: FilePath) -> Bool { Disk.isEmpty(directory: folder) }

    package func hasReason(relative: FilePath) throws(FileSystemError) -> Bool {
        try Disk.status(Self.reasonPath(path.pushing(relative))) != nil
    }

    /// Writes the reasons of a pipeline anew that tell values of cells, without these.
    package func hideValues(of pipeline: String) throws(FileSystemError) { try hideValues(of: pipeline, in: path) }

    private func hideValues(of pipeline: String, in folder: FilePath) throws(FileSystemError) {
        for name in try Disk.names(in: folder) {
            let file = folder.appending(name.string)
            let kind = try Disk.status(file)?.kind
            if kind == .directory { try hideValues(of: pipeline, in: file) }
            guard kind == .regular, name.string.hasSuffix(Self.suffix),
                let reason = try? JSONFile.decode(QuarantineReason.self, from: file), reason.pipeline == pipeline,
                let hidden = reason.withoutValues
            else { continue }
            try replace(file, hidden)
        }
    }

    private func replace(_ file: FilePath, _ reason: QuarantineReason) throws(FileSystemError) {
        let bytes = try JSONFile.encode(reason, for: file)
        try JSONFile.replace(file, with: bytes, staged: area.work.appending("reason-" + FileDigest.of(bytes: file.string.utf8)), access)
    }

    private static let suffix = ".reason.json"

    private func write(_ reason: QuarantineReason, beside input: FilePath) throws(FileSystemError) -> FilePath {
        var file = Self.reasonPath(input)
        for changed in try Disk.makeDirectories(file.removingLastComponent(), FolderGrant(access: access, root: path)) {
            try Disk.sync(directory: changed)
        }
        // An earlier reason of ours is replaced; any other file keeps its name.
        var number = 1
        while try Disk.status(file) != nil, !isOurs(file) {
            number += 1
            file = CollisionFreeName.name(Self.reasonPath(input), number)
        }
        try replace(file, reason)
        return file
    }

    private func isOurs(_ file: FilePath) -> Bool {
        (try? JSONFile.decode(QuarantineReason.self, from: file)) != nil
    }

    /// Returns the path of `NAME.reason.json`; a name too long for that is cut, and gets a part of its digest.
    private static func reasonPath(_ input: FilePath) -> FilePath {
        let name = input.lastComponent?.string ?? ""
        let room = 255 - suffix.utf8.count
        guard name.utf8.count > room else { return input.removingLastComponent().appending(name + suffix) }
        var cut = name
        while cut.utf8.count > room - 17 { cut.removeLast() }
        return input.removingLastComponent().appending("\(cut)-\(FileDigest.of(bytes: name.utf8).prefix(16))\(suffix)")
    }
}
