import ArgumentParser
import Foundation
import Reports
import Signatures
import Terminal

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check signatures, without a daemon: of files, of model versions and their cards, of outputs and their manifests.",
        discussion: """
            A path is a file with its FILE.sig (a detached signature, or an OpenSSF bundle), the folder of one version or of all of them, \
            or a folder of outputs. Given several of them, it says how they hang together: which version came of which file and made which \
            output. Ends with 0 where every signature is good and nothing was changed, else with 1.
            """)

    @Argument(help: "Files, and folders that Millrace has published into.", completion: .file()) var paths: [String]
    @Option(name: .long, help: "A public key: its file, or its Base64; repeatable. A signature is good if one of them made it.")
    var key: [String] = []
    @Option(name: .long, help: "The signature of the only path. Default: PATH.sig.", completion: .file()) var signature: String?
    @OptionGroup var output: JSONFlag

    func validate() throws {
        if key.isEmpty { throw ValidationError("Name the public key: --key FILE.pub.") }
        if signature != nil, paths.count != 1 { throw ValidationError("--signature goes with one file.") }
    }

    func run() throws {
        let audit = try reportingErrors { try SignatureAudit(paths, signature: signature, keys: try key.map(readKey)) }
        try show(audit, output)
        if !audit.problems.isEmpty { throw ExitStatus.problems }
    }

    private func readKey(_ text: String) throws -> VerifyingKey {
        guard let content = FileManager.default.contents(atPath: text) else {
            do throws(SignatureError) { return try VerifyingKey(text) } catch {
                throw NewFile.Failure(description: "\(text) is neither a public key nor a file that can be read")
            }
        }
        do throws(SignatureError) { return try VerifyingKey(String(decoding: content, as: UTF8.self)) } catch {
            throw NewFile.Failure(description: "\(text): \(error)")
        }
    }
}
