internal import Foundation
internal import Reasons
internal import Signatures

/// Reads `trust`, of a pipeline and of `ROOT/millrace.yaml`, with the keys that it names.
enum TrustReader {
    /// - Parameter defaults: the signers of roles that are not given.
    static func trust(_ top: Section, defaults: Trust) -> Trust {
        var trust = defaults
        guard let section = top.section("trust", keys: ["models", "labelled"]) else { return trust }
        if let signers = signers(section, "models") { trust.models = signers }
        if let signers = signers(section, "labelled") { trust.labelled = signers }
        return trust
    }

    private static func signers(_ trust: Section, _ role: String) -> TrustedSigners? {
        guard let section = trust.section(role, keys: ["keys", "require"]) else { return nil }
        section.require("keys", "name the public keys of those whose signatures count: keys: [FILE.pub]")
        let isRequired = section.boolean("require") ?? true
        let texts = section.names("keys") ?? []
        if section.has("keys"), texts.isEmpty, section.texts("keys")?.isEmpty == true {
            section.refuse(.badValue, "keys", "an empty list admits no file", "name a key, or remove `\(role)`")
        }
        var files: [String] = []
        let keys = texts.enumerated().compactMap { key($1, section, texts.count == 1 ? "keys" : "keys[\($0)]", &files) }
        return keys.isEmpty ? nil : TrustedSigners(keys: keys, isRequired: isRequired, files: files)
    }

    /// Reads a key that stands in the file, or the file that it names.
    private static func key(_ text: String, _ section: Section, _ place: String, _ files: inout [String]) -> VerifyingKey? {
        if text.contains("-----BEGIN") || text.utf8.count > 40 && !text.contains(".") && Data(base64Encoded: text) != nil {
            do throws(SignatureError) { return try VerifyingKey(text) } catch {
                section.refuse(.badValue, place, "\(error)", "write a public key, or the path of its file")
                return nil
            }
        }
        let path = CanonicalPaths.absolute(text, root: section.reading.root)
        let content: [UInt8]
        do throws(PipelineFile.Unreadable) { content = try PipelineFile.contents(of: path) } catch {
            section.refuse(
                error.rule, place, "\(text): \(error.fault)", "name the file of a public key, relative to the root, or write the key")
            return nil
        }
        do throws(SignatureError) {
            let key = try VerifyingKey(String(decoding: content, as: UTF8.self))
            files.append(path)
            return key
        } catch {
            section.refuse(.badValue, place, "\(text): \(error)", "name the file of a public key; `millrace keys new` writes one")
            return nil
        }
    }
}
