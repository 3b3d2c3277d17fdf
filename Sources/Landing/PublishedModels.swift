package import FileSystem
import Signatures
package import SystemPackage

/// Reads the cards below one `land.models`. Those of versions that were pruned are kept in `_millrace/cards/`, so that a lost ledger can be
/// restored without taking an old model for a new one.
package struct PublishedModels: Sendable {
    package struct Entry: Hashable, Sendable {
        package let card: Card
        package let path: FilePath
        package let isPruned: Bool
    }

    package let path: FilePath

    package init(path: FilePath) { self.path = path }

    /// Returns the versions that stand there and those that were pruned, in rising order; and a sentence for each card that cannot be read.
    package func survey() throws(FileSystemError) -> (entries: [Entry], problems: [String]) {
        var found: [Int: Entry] = [:]
        var problems: [String] = []
        func add(_ version: Int, _ file: FilePath, isPruned: Bool) {
            do throws(FileSystemError) {
                found[version] = Entry(card: try JSONFile.decode(Card.self, from: file), path: file, isPruned: isPruned)
            } catch {
                problems.append("\(error)")
            }
        }
        for name in try Disk.names(in: keptCards) where name.extension == "json" {
            if let version = Int(name.stem) { add(version, keptCards.appending(name.string), isPruned: true) }
        }
        for version in try numbers() {
            if try Disk.status(cardPath(version)) != nil {
                add(version, cardPath(version), isPruned: false)
            } else {
                problems.append("\(directory(of: version)) has the name of a version, and no card.json: move it away")
            }
        }
        return (found.sorted { $0.key < $1.key }.map(\.value), problems)
    }

    /// Returns the versions that have a card, in rising order.
    package func versions() throws(FileSystemError) -> [Int] {
        var found: [Int] = []
        for version in try numbers() where try Disk.status(cardPath(version)) != nil { found.append(version) }
        return found
    }

    /// Returns every number that a directory takes, whole or not, in rising order.
    package func numbers() throws(FileSystemError) -> [Int] {
        try Disk.names(in: path).compactMap { name in
            Int(name.string).flatMap { $0 > 0 && String($0) == name.string ? $0 : nil }
        }.sorted()
    }

    package func card(_ version: Int) throws(FileSystemError) -> Card { try JSONFile.decode(Card.self, from: cardPath(version)) }

    /// Returns the active version; nil when there is no `ACTIVE`.
    package func active() throws(FileSystemError) -> Int? {
        let file = activeFile
        guard try Disk.status(file) != nil else { return nil }
        let text = String(decoding: try JSONFile.read(file), as: UTF8.self)
        guard let version = Int(text.filter { !$0.isWhitespace }), version > 0 else {
            throw .badDocument(file, why: "it must hold one version number; `millrace activate` writes it anew")
        }
        return version
    }

    /// Returns the version that stays in force until it is unpinned; nil where none is pinned.
    package func pinned() throws(FileSystemError) -> Int? {
        guard try Disk.status(pinFile) != nil else { return nil }
        return Int(String(decoding: try JSONFile.read(pinFile), as: UTF8.self).filter { !$0.isWhitespace })
    }

    package var activeFile: FilePath { path.appending("ACTIVE") }
    package var activeSignature: FilePath { path.appending("ACTIVE.sig") }
    /// The signature of what `ACTIVE` is about to be, or is already.
    package var nextActiveSignature: FilePath { path.appending("_millrace").appending("ACTIVE.sig") }

    var pinFile: FilePath { path.appending("_millrace").appending("pinned") }

    package func directory(of version: Int) -> FilePath { path.appending(String(version)) }
    package func cardPath(_ version: Int) -> FilePath { directory(of: version).appending("card.json") }
    private var keptCards: FilePath { path.appending("_millrace").appending("cards") }

    /// Copies the card of a version, before the version is removed.
    func keepCard(_ version: Int, staged: FilePath, _ access: FileAccess) throws(FileSystemError) {
        for changed in try Disk.makeDirectories(keptCards, FolderGrant(access: access, root: path)) { try Disk.sync(directory: changed) }
        // The signature comes first, so that a card which has one is never without it.
        let signature = cardPath(version).removingLastComponent().appending("card.json.sig")
        if try Disk.status(signature) != nil {
            try JSONFile.replace(
                keptCards.appending("\(version).json.sig"), with: try JSONFile.read(signature), staged: staged, access)
        }
        try JSONFile.replace(keptCards.appending("\(version).json"), with: try JSONFile.read(cardPath(version)), staged: staged, access)
    }
}
