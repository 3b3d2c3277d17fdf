import Arrivals
import FileSystem
import PipelineConfig
import Reasons
import Signatures
import SystemPackage
import Watcher

/// Judges whether a file is signed by one of those whose signatures count. It compares the digests that the ledger is about to number the
/// file by, so that what was signed is what will be worked on.
struct SignatureJudge {
    private let signers: TrustedSigners

    init(_ signers: TrustedSigners) { self.signers = signers }

    /// Says why the file is not admitted; nil where it is. Throws `changedWhileRead` where its signature is not the one any more that the
    /// watcher saw: then the watcher looks again.
    /// - Parameters:
    ///   - digest: the digest of the file alone.
    ///   - companions: its external data.
    func distrust(
        of file: CompleteFile, _ access: SpoolAccess, digest: String, companions: [Companion]
    ) throws(FileSystemError) -> Explanation? {
        guard let expected = file.signature else {
            // A watcher that had not heard yet that signatures count is asked again.
            if signers.isRequired { throw .changedWhileRead(access.root.pushing(FilePath(file.place.path))) }
            return nil
        }
        let path = FilePath(DetachedSignature.name(of: file.place.path))
        let content = try read(path, access, expected)
        let name = FilePath(file.place.path).lastComponent?.string ?? ""
        let files = SignedFiles(
            .init(name: name, digest: digest), companions: companions.map { .init(name: $0.path, digest: $0.digest) })
        do throws(SignatureError) {
            try DetachedSignature(content).verify(files, by: signers.keys)
            return nil
        } catch {
            let signature = DetachedSignature.name(of: name)
            let reason: String =
                switch error {
                case .notSigned(let why): "\(file.place.path): not admitted: its signature \(signature) is \(why)"
                case .badKey(let why), .badSignature(let why): "\(file.place.path): not admitted: its signature \(signature): \(why)"
                }
            return Explanation(reason: Reason(reason), rule: .trustInvalid)
        }
    }

    private func read(_ path: FilePath, _ access: SpoolAccess, _ expected: FileStamp) throws(FileSystemError) -> [UInt8] {
        let named = access.root.pushing(path)
        let descriptor: FileDescriptor
        do throws(FileSystemError) { descriptor = try access.open(path) } catch {
            // One that is gone by now is no fault of the machine.
            if case .missing = error { throw .changedWhileRead(named) }
            throw error
        }
        defer { try? descriptor.close() }
        var hashing = try FileHashing(descriptor, named: named, keptBytes: DetachedSignature.largest)
        guard hashing.stamp == expected else { throw .changedWhileRead(named) }
        _ = try hashing.finish()
        guard let content = hashing.content else { throw .changedWhileRead(named) }
        return content
    }
}
