import FileSystem
import Foundation
import Landing
package import Signatures
import SystemPackage

/// Checks signatures offline: of single files, of model versions with their cards, and of outputs with the lines of their manifests. Where
/// several of them are given, it also says how they hang together: a card names its arrival, its parent and the labels by their digests,
/// and a line of a manifest the model.
package struct SignatureAudit: Report {
    package struct Problem: Encodable, Sendable {
        package let path: String
        package let what: String
    }

    /// The number of signatures that are good.
    package internal(set) var good = 0
    /// The number of files whose digest was compared with one that is signed.
    package internal(set) var compared = 0
    package internal(set) var problems: [Problem] = []
    /// The list says what was found to be made of what, in one sentence each.
    package internal(set) var links: [String] = []
    /// The list says, in one sentence each, what is no problem by itself and worth knowing.
    package internal(set) var remarks: [String] = []
    let keys: [VerifyingKey]
    /// The files that are signed themselves, by their digest.
    var files: [String: String] = [:]
    /// The cards that are signed.
    var cards: [Card] = []

    private enum CodingKeys: String, CodingKey { case good, compared, problems, links, remarks }

    /// - Parameter signature: the signature of the only path, which is a file; nil for `PATH.sig`.
    package init(_ paths: [String], signature: String?, keys: [VerifyingKey]) throws(SigningFailure) {
        self.keys = keys
        var outputs: [FilePath] = []
        for path in paths {
            let path = FilePath(path)
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path.string, isDirectory: &isDirectory) else {
                throw SigningFailure(description: "there is no \(path)")
            }
            guard isDirectory.boolValue else {
                try checkFile(path.string, signature ?? DetachedSignature.name(of: path.string))
                continue
            }
            let isVersion = FileManager.default.fileExists(atPath: path.appending("card.json").string)
            let versions = isVersion ? [] : (try? PublishedModels(path: path).survey().entries) ?? []
            let hasOutputs = ManifestAudit.isOutputFolder(path)
            guard isVersion || !versions.isEmpty || hasOutputs else {
                throw SigningFailure(
                    description: "\(path) is no folder of outputs with a manifest, no folder of model versions, and no version")
            }
            if isVersion { checkVersion(path) }
            if !versions.isEmpty { checkModels(path, versions) }
            if hasOutputs { outputs.append(path) }
        }
        linkCards()
        for folder in outputs { ManifestAudit(folder).check(&self) }
    }

    package var lines: [Printed] {
        problems.map { "\(shownPath($0.path)): \($0.what)" } + (links + remarks).map { "\($0)" } + [
            """
            \(counted(good, "good signature")), \(counted(compared, "file")) compared with what is signed: \
            \(counted(problems.count, "problem"))
            """
        ]
    }

    mutating func note(_ path: FilePath, _ what: String) { problems.append(Problem(path: path.string, what: what)) }

    mutating func remark(_ path: FilePath, _ what: String) { remarks.append("\(path): \(what)") }

    /// Returns whether one of the keys has signed the message.
    func isByKey(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        keys.contains { $0.isEd25519 && $0.verifies(signature, of: message) }
    }

    private mutating func checkFile(_ path: String, _ signature: String) throws(SigningFailure) {
        let signed = try SignedFiles(of: path)
        if check(signature: FilePath(signature), of: signed, for: FilePath(path)) { files[signed.digest] = path }
        compared += 1
    }

    /// Checks the signature at a path. Returns whether it is good.
    mutating func check(signature: FilePath, of files: SignedFiles, for path: FilePath) -> Bool {
        do throws(FileSystemError) {
            let content = try JSONFile.read(signature)
            do throws(SignatureError) {
                try DetachedSignature(content).verify(files, by: keys)
                good += 1
                return true
            } catch .notSigned(let why) {
                note(path, "its signature \(signature.lastComponent?.string ?? "") is \(why)")
            } catch {
                note(path, "its signature \(signature.lastComponent?.string ?? ""): \(error)")
            }
        } catch .missing {
            note(path, "it has no signature \(signature.lastComponent?.string ?? "")")
        } catch {
            note(path, "its signature cannot be read: \(error)")
        }
        return false
    }
}
