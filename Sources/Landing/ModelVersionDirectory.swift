import Arrivals
package import FileSystem
package import Signatures
package import SystemPackage

/// Keeps the model versions of `land.models`: `<path>/<version>/model.onnx` and its external data beside `card.json`, and `<path>/ACTIVE`.
/// A version appears by one rename.
package struct ModelVersionDirectory: Sendable {
    package let path: FilePath
    private let area: StagingArea
    private let published: PublishedModels
    private let access: FileAccess
    private let signer: SigningKey?

    package init(path: FilePath, area: StagingArea, access: FileAccess = .standard, signer: SigningKey? = nil) {
        self.access = access
        self.signer = signer
        self.path = path
        self.area = area
        published = PublishedModels(path: path)
    }

    package struct File: Hashable, Sendable {
        /// The name in the version directory: `model.onnx`, `model.onnx.data`.
        package let name: String
        package let staged: FilePath
        /// Tells whether it is of the model, as its external data is, and does not only stand beside it.
        package let isOfModel: Bool

        package init(name: String, staged: FilePath, isOfModel: Bool = true) {
            self.name = name
            self.staged = staged
            self.isOfModel = isOfModel && name != VersionFile.adapter
        }
    }

    /// Describes a version that is complete and durable, but not visible.
    package struct Staged: Hashable, Sendable {
        package let version: Int
        package let directory: FilePath
        package let card: Card
        package let cardDigest: String
    }

    // MARK: Publishing

    /// Moves the files into a directory of the staging area, weights first, then the graph, the card last, and makes them durable. It may
    /// be repeated for the same run and attempt.
    package func stage(run: Int64, attempt: Int, files: [File], card: Card) throws(FileSystemError) -> Staged {
        let directory = stagedDirectory(run: run, attempt: attempt, version: card.version)
        try Disk.makeDirectories(directory)
        try Disk.grant(access, folder: directory)
        var card = card
        card.files = []
        func order(_ file: File) -> (Int, String) { (file.name == VersionFile.model ? 1 : 0, file.name) }
        for file in files.sorted(by: { order($0) < order($1) }) {
            guard file.name != "card.json", !file.name.isEmpty, !file.name.contains("/"), !file.name.hasPrefix(".") else {
                throw .badName(file.name, why: "a version directory holds plain files beside its card.json")
            }
            let target = directory.appending(file.name)
            if try Disk.status(file.staged) != nil {
                if let failure = Disk.renameReplacing(file.staged, target) { throw Disk.renameFailure(failure, file.staged, target) }
            }
            guard try Disk.status(target) != nil else { throw .missing(file.staged) }
            try Disk.grant(access, file: target)
            try Disk.sync(file: target)
            let found = try FileDigest.of(target)
            card.files.append(Card.File(path: file.name, digest: found.digest, bytes: found.stamp.size))
        }
        FaultPoint.reach(.versionMoved)
        let bytes = try JSONFile.encode(card, for: directory.appending("card.json"))
        try JSONFile.write(bytes, to: directory.appending("card.json"), access)
        if let signer { try sign(card, bytes, in: directory, Set(files.filter(\.isOfModel).map(\.name)), signer) }
        try Disk.sync(directory: directory)
        FaultPoint.reach(.versionStaged)
        return Staged(version: card.version, directory: directory, card: card, cardDigest: FileDigest.of(bytes: bytes))
    }

    /// Writes the signatures of a version, which become visible with it: of its card, which names every other file by its digest, and of
    /// the model with its external data, so that it can be dropped elsewhere together with its signature. No card names them.
    private func sign(
        _ card: Card, _ bytes: [UInt8], in directory: FilePath, _ ofModel: Set<String>, _ signer: SigningKey
    ) throws(FileSystemError) {
        var signed = [("card.json", SignedFiles(.init(name: "card.json", digest: FileDigest.of(bytes: bytes))))]
        let parts = card.files.filter { ofModel.contains($0.path) }.map { SignedFiles.File(name: $0.path, digest: $0.digest) }
        if let graph = parts.first(where: { $0.name == VersionFile.model }) {
            signed.append((graph.name, SignedFiles(graph, companions: parts.filter { $0.name != graph.name })))
        }
        for (name, files) in signed {
            let file = directory.appending(DetachedSignature.name(of: name))
            let signature: [UInt8]
            do throws(SignatureError) { signature = try signer.signature(of: files.statement()) } catch {
                throw .badDocument(file, why: "\(error)")
            }
            try JSONFile.write(signature, to: file, access)
        }
    }

    /// Makes the version visible by one rename. Returns false when an earlier attempt to land had done it: then the same files of the same
    /// arrival stand there.
    @discardableResult
    package func land(_ staged: Staged) throws(FileSystemError) -> Bool {
        let target = directory(of: staged.version)
        for changed in try Disk.makeDirectories(path, FolderGrant(access: access, root: path)) { try Disk.sync(directory: changed) }
        if try Disk.status(target) != nil {
            let found = try? card(staged.version)
            guard let found, found.arrival == staged.card.arrival, found.files == staged.card.files,
                try differences(in: staged.version).isEmpty
            else { throw .versionTaken(target) }
            try Disk.sync(directory: path)
            try Disk.removeTree(staged.directory)
            return false
        }
        if let failure = Disk.moveDirectory(staged.directory, target) {
            throw failure == .fileExists || failure == .directoryNotEmpty
                ? .versionTaken(target) : Disk.renameFailure(failure, staged.directory, target)
        }
        FaultPoint.reach(.versionRenamed)
        try Disk.sync(directory: path)
        FaultPoint.reach(.versionLanded)
        return true
    }

    /// Returns whether `arrival` became `version`, and the version is whole.
    package func isPublished(version: Int, arrival: Int64) throws(FileSystemError) -> Bool {
        guard try Disk.status(directory(of: version).appending("card.json")) != nil else { return false }
        guard try card(version).arrival == arrival else { return false }
        return try differences(in: version).isEmpty
    }

    // MARK: Reading

    package func card(_ version: Int) throws(FileSystemError) -> Card { try published.card(version) }
    package func directory(of version: Int) -> FilePath { published.directory(of: version) }

    /// Returns the names of files that the card lists and that are absent or have another digest, one line each.
    package func differences(in version: Int) throws(FileSystemError) -> [String] {
        try Self.differences(in: directory(of: version), from: card(version))
    }

    private static func differences(in directory: FilePath, from card: Card) throws(FileSystemError) -> [String] {
        var lines: [String] = []
        for file in card.files {
            let path = directory.appending(file.path)
            guard let status = try Disk.status(path), status.kind == .regular else {
                lines.append("\(file.path) is missing")
                continue
            }
            if status.stamp.size != file.bytes {
                lines.append("\(file.path) has \(status.stamp.size) bytes, its card says \(file.bytes)")
            } else if try FileDigest.of(path).digest != file.digest {
                lines.append("\(file.path) does not have the digest on its card")
            }
        }
        return lines
    }

    // MARK: The active one

    package func active() throws(FileSystemError) -> Int? { try published.active() }

    /// Makes a version the active one. Throws `noSuchVersion` where it is not there with its card.
    ///
    /// `ACTIVE` and its signature cannot be replaced by one rename, so that the new signature stands in `_millrace/` before `ACTIVE` is
    /// replaced and takes its place after that: whenever the process dies, one of the two is that of `ACTIVE`.
    package func activate(_ version: Int) throws(FileSystemError) {
        guard try Disk.status(directory(of: version).appending("card.json")) != nil else {
            throw .noSuchVersion(path, version: version)
        }
        let content = Array("\(version)\n".utf8)
        if let signer {
            let folder = published.nextActiveSignature.removingLastComponent()
            for changed in try Disk.makeDirectories(folder, FolderGrant(access: access, root: path)) { try Disk.sync(directory: changed) }
            let card = try FileDigest.of(directory(of: version).appending("card.json")).digest
            let signature: [UInt8]
            do throws(SignatureError) {
                signature = try signer.signature(of: PublishedModels.signed(active: content, version, card: card).statement())
            } catch { throw .badDocument(published.activeSignature, why: "\(error)") }
            try JSONFile.replace(
                published.nextActiveSignature, with: signature, staged: area.work.appending("ACTIVE.sig-" + name), access)
        }
        FaultPoint.reach(.activeSigned)
        try JSONFile.replace(published.activeFile, with: content, staged: area.work.appending("ACTIVE-" + name), access)
        FaultPoint.reach(.activeReplaced)
        if signer != nil {
            try Disk.replaceOurs(published.activeSignature, by: published.nextActiveSignature)
        } else {
            // The signature of another version says nothing of this one.
            try Disk.remove(published.activeSignature)
        }
    }

    /// Records which version is pinned, or that none is, so that a restored ledger has the pin too.
    package func pin(_ version: Int?) throws(FileSystemError) {
        let file = published.pinFile
        guard let version else {
            guard try Disk.status(file) != nil else { return }
            try Disk.remove(file)
            return try Disk.sync(directory: file.removingLastComponent())
        }
        for changed in try Disk.makeDirectories(file.removingLastComponent(), FolderGrant(access: access, root: path)) {
            try Disk.sync(directory: changed)
        }
        try JSONFile.replace(file, with: Array("\(version)\n".utf8), staged: area.work.appending("pinned-" + name))
    }

    /// Removes those of these versions that stand, but never the active one. Each is moved by one rename into staging, so that no half of a
    /// version is ever visible; what a crash leaves there is swept. Returns the versions that it removed.
    @discardableResult
    package func remove(_ versions: [Int]) throws(FileSystemError) -> [Int] {
        let active = try active()
        let standing = Set(try published.numbers())
        var removed: [Int] = []
        for version in versions where version != active && standing.contains(version) {
            let directory = directory(of: version)
            guard try Disk.status(directory.appending("card.json")) != nil else { continue }
            FaultPoint.reach(.versionPruned)
            try published.keepCard(version, staged: area.work.appending("card-\(name)-\(version)"), access)
            FaultPoint.reach(.versionCard)
            let away = area.work.appending("pruned-\(name)-\(version)")
            try Disk.removeTree(away)
            if let failure = Disk.moveDirectory(directory, away) { throw Disk.error("remove", directory, failure) }
            FaultPoint.reach(.versionAway)
            try Disk.sync(directory: path)
            try Disk.removeTree(away)
            removed.append(version)
        }
        return removed
    }

    private func stagedDirectory(run: Int64, attempt: Int, version: Int) -> FilePath {
        area.file(run: run, attempt: attempt, name: "version-\(version)")
    }

    /// The name that tells several model directories with one staging area apart.
    private var name: String { String(FileDigest.of(bytes: path.string.utf8).prefix(12)) }
}
