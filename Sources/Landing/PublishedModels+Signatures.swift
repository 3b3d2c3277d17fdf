package import FileSystem
package import Signatures
import SystemPackage

/// Says what of published models is signed by one of some keys.
extension PublishedModels {
    /// Returns whether `ACTIVE` is signed as it stands and as the version that it names has its card. Its signature may not have its place
    /// yet.
    package func isActiveSigned(by keys: [VerifyingKey]) throws(FileSystemError) -> Bool {
        guard let version = try active() else { return false }
        let files = Self.signed(
            active: try JSONFile.read(activeFile), version, card: try FileDigest.of(cardPath(version)).digest)
        return [activeSignature, nextActiveSignature].contains { files.isSigned(by: keys, at: $0) }
    }

    /// Returns the files that the signature of `ACTIVE` is of: itself, and the card of the version that it names, so that the signature is
    /// good for that version of that pipeline only.
    static func signed(active content: [UInt8], _ version: Int, card: String) -> SignedFiles {
        SignedFiles(
            .init(name: "ACTIVE", digest: FileDigest.of(bytes: content)), companions: [.init(name: "\(version)/card.json", digest: card)])
    }
}

extension PublishedModels.Entry {
    /// Returns whether the card is signed as it stands.
    package func isSigned(by keys: [VerifyingKey]) throws(FileSystemError) -> Bool {
        let files = SignedFiles(.init(name: path.lastComponent?.string ?? "", digest: try FileDigest.of(path).digest))
        return files.isSigned(by: keys, at: FilePath(DetachedSignature.name(of: path.string)))
    }
}

extension SignedFiles {
    fileprivate func isSigned(by keys: [VerifyingKey], at signature: FilePath) -> Bool {
        guard let content = try? JSONFile.read(signature), let signature = try? DetachedSignature(content) else { return false }
        return (try? signature.verify(self, by: keys)) != nil
    }
}
