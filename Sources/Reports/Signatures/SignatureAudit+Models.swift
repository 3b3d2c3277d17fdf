import FileSystem
import Foundation
import Landing
import Recipes
import Signatures
import SystemPackage

/// Checks model versions: their cards, and what the cards say of their files and of each other.
extension SignatureAudit {
    mutating func checkModels(_ folder: FilePath, _ versions: [PublishedModels.Entry]) {
        for entry in versions {
            if entry.isPruned {
                _ = checkCard(entry.path)
            } else {
                let folder = entry.path.removingLastComponent()
                checkVersion(folder, number: Int(folder.lastComponent?.string ?? ""))
            }
        }
        checkActive(PublishedModels(path: folder))
    }

    /// Checks `ACTIVE`, which counts for the version that it names as that has its card. Its signature may not be in its place yet.
    private mutating func checkActive(_ models: PublishedModels) {
        let path = models.activeFile
        func exists(_ path: FilePath) -> Bool { FileManager.default.fileExists(atPath: path.string) }
        if !exists(path), !exists(models.activeSignature) { return remark(path, "it is not there, so that no version is in force") }
        do throws(FileSystemError) {
            if try models.isActiveSigned(by: keys) {
                good += 1
            } else if exists(models.activeSignature) || exists(models.nextActiveSignature) {
                note(path, "its signature ACTIVE.sig is not of the version that it names, as that stands, or by none of the keys")
            } else {
                note(path, "it has no signature ACTIVE.sig")
            }
        } catch {
            note(path, "it cannot be compared with its signature: \(error)")
        }
    }

    /// Checks a card and every file that it names.
    /// - Parameter number: the number that the folder's name gives the version.
    mutating func checkVersion(_ folder: FilePath, number: Int? = nil) {
        guard let card = checkCard(folder.appending("card.json")) else { return }
        if let number, number != card.version { note(folder.appending("card.json"), "it is the card of version \(card.version)") }
        for file in card.files {
            let path = folder.appending(file.path)
            compared += 1
            if let digest = try? FileDigest.of(path).digest {
                if digest != file.digest { note(path, "it is not the file that its card names") }
            } else {
                note(path, "its card names it, and it cannot be read")
            }
        }
        let known = Set(card.files.map(\.path) + ["card.json", "card.json.sig", VersionFile.model + DetachedSignature.suffix])
        for name in (try? Disk.names(in: folder)) ?? [] where !known.contains(name.string) {
            note(folder.appending(name.string), "its card does not name it")
        }
        let model = folder.appending(VersionFile.model)
        guard card.files.contains(where: { $0.path == VersionFile.model }), let signed = try? SignedFiles(of: model.string) else { return }
        _ = check(signature: folder.appending(VersionFile.model + DetachedSignature.suffix), of: signed, for: model)
    }

    /// Checks the signature of a card. Returns the card where it is good.
    private mutating func checkCard(_ path: FilePath) -> Card? {
        guard let digest = try? FileDigest.of(path).digest, let card = try? JSONFile.decode(Card.self, from: path) else {
            note(path, "it cannot be read")
            return nil
        }
        let signature = FilePath(DetachedSignature.name(of: path.string))
        let name = path.lastComponent?.string ?? ""
        guard check(signature: signature, of: SignedFiles(.init(name: name, digest: digest)), for: path) else { return nil }
        if !cards.contains(where: { $0.pipeline == card.pipeline && $0.version == card.version }) { cards.append(card) }
        return card
    }

    /// Says what was made of what, as far as the signed cards and the signed files that were given show it.
    mutating func linkCards() {
        for card in cards {
            let name = "version \(card.version) of \(card.pipeline)"
            if let file = files[card.arrivalDigest] { links.append("\(name) came of \(file)") }
            for source in card.trainingData ?? [] {
                if let file = files[source.digest] { links.append("\(name) learnt from \(file)") }
            }
            guard let parent = card.parent else { continue }
            if let known = cards.first(where: { $0.pipeline == card.pipeline && $0.version == parent.version }),
                known.modelDigest != parent.digest
            {
                problems.append(Problem(path: name, what: "its parent is not version \(known.version) as its signed card has it"))
            } else if let known = cards.first(where: { $0.pipeline == card.pipeline && $0.modelDigest == parent.digest }) {
                links.append("\(name) was made of version \(known.version)")
            }
        }
    }
}
