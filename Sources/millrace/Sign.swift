import ArgumentParser
import PipelineConfig
import Reports
import Signatures
import Terminal

struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sign models or labels: the signature of FILE goes to FILE.sig.",
        discussion: """
            What is signed is a short text: what `sha256sum < FILE` prints and, for a model, what `sha256sum NAME` prints for each file of \
            its external data, by name. --statement prints it, for a key that is elsewhere: \
            `openssl pkeyutl -sign -rawin -inkey KEY -in STATEMENT -out FILE.sig` makes the same signature.
            """)

    @Argument(help: "The files to sign.", completion: .file()) var files: [String]
    @Option(name: .long, help: "The file of an Ed25519 private key, as `millrace keys new` makes it.", completion: .file())
    var key: String?
    @Flag(name: .long, help: "Print what would be signed, and write nothing.") var statement = false

    func validate() throws {
        if statement == (key != nil) { throw ValidationError("Give --key FILE, or --statement to see what would be signed.") }
        if let signature = files.first(where: { $0.hasSuffix(DetachedSignature.suffix) }) {
            throw ValidationError("\(signature) has the name of a signature: name the files to sign.")
        }
    }

    func run() throws {
        try reportingErrors {
            let key = try key.map { try SigningKeyFile(path: $0).read() }
            for file in files {
                let signed = try SignedFiles(of: file).statement()
                guard let key else {
                    Swift.print(String(decoding: signed, as: UTF8.self), terminator: "")
                    continue
                }
                try NewFile.replace(DetachedSignature.name(of: file), with: try key.signature(of: signed), mode: 0o644)
            }
        }
    }
}
