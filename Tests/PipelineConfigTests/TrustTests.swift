import Arrivals
import Foundation
import PipelineConfig
import Signatures
import TestSupport
import Testing

/// `trust` of pipelines and of `millrace.yaml`, and `sign`: the keys are read with the file that names them.
@Suite struct TrustTests {
    private let folder: TemporaryDirectory
    private let key = SigningKey()
    private let other = SigningKey()

    init() throws {
        folder = try TemporaryDirectory("trust")
        try folder.write(key.publicKey.text, to: "keys/a.pub")
        try folder.write(key.text, to: "keys/a")
        try #require(chmod(folder("keys/a"), 0o600) == 0)
    }

    private static let labelled = """
        name: digits
        spool: { models: in/models, labelled: in/labelled, data: in/data }
        schema: { label: y }
        stages: [deserialize, { optimize: { gradient: { loss: mean_squared_error } } }, forward]
        land: { models: out/models, outputs: out/rows }

        """

    private func report(_ lines: String, settings: String = "") throws -> LintReport {
        try folder.write(settings + "\n", to: "millrace.yaml")
        try folder.write(Self.labelled + lines + "\n", to: "p.yaml")
        return LintReport.lint([folder("p.yaml")], root: folder.path)
    }

    private func trust(_ lines: String, settings: String = "") throws -> Trust {
        let report = try report(lines, settings: settings)
        return try #require(report.pipelines.first, "\(report)").trust
    }

    private func problems(_ lines: String, settings: String = "") throws -> [String] {
        try report(lines, settings: settings).problems.map { $0.description.replacing(folder.path + "/", with: "") }
    }

    @Test func keysStandInFilesOrInTheLine() throws {
        let line = other.publicKey.text.split(separator: "\n").dropFirst().dropLast().joined()
        let trust = try trust("trust: { models: { keys: [keys/a.pub, \"\(line)\"] }, labelled: { keys: keys/a.pub, require: false } }")
        let file = folder("keys/a.pub")
        #expect(trust.models == TrustedSigners(keys: [key.publicKey, other.publicKey], files: [file]))
        #expect(trust.labelled == TrustedSigners(keys: [key.publicKey], isRequired: false, files: [file]))
        #expect(trust.signers(of: .model) == trust.models && trust.signers(of: .labelled) == trust.labelled)
        #expect(trust.signers(of: .data) == nil)
        let block = other.publicKey.text.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n")
        #expect(try self.trust("trust:\n  models:\n    keys: |\n\(block)").models?.keys == [other.publicKey])
    }

    @Test func nothingNeedsASignatureByDefault() throws { #expect(try trust("") == Trust()) }

    @Test func aPipelineGoesBeforeTheSettings() throws {
        let settings = "trust: { models: { keys: [keys/a.pub] }, labelled: { keys: [keys/a.pub] } }"
        let both = TrustedSigners(keys: [key.publicKey], files: [folder("keys/a.pub")])
        #expect(try trust("", settings: settings).models == both && trust("", settings: settings).labelled == both)
        let line = other.publicKey.text.split(separator: "\n").dropFirst().dropLast().joined()
        let own = try trust("trust: { models: { keys: [\"\(line)\"] } }", settings: settings)
        #expect(own.models?.keys == [other.publicKey] && own.labelled == both)
    }

    @Test func itIsNoPartOfTheRevision() throws {
        let plain = try #require(try report("").pipelines.first)
        let signed = try #require(try report("trust: { models: { keys: [keys/a.pub] } }").pipelines.first)
        #expect(plain.revision == signed.revision && plain != signed)
    }

    @Test(arguments: [
        ("keys: [keys/none.pub]", "trust.models.keys: keys/none.pub: there is no such file"),
        ("keys: [keys/a.pub, keys/a]", "trust.models.keys[1]: keys/a: it is a private key, which does not belong here"),
        ("keys: [p.yaml]", "trust.models.keys: p.yaml: it is no public key"),
        ("keys: [keys]", "trust.models.keys: keys: this is a directory"),
        ("keys: []", "trust.models.keys: an empty list admits no file"),
        ("require: true", "trust.models.keys: missing"),
        ("keys: [keys/a.pub], require: often", "trust.models.require: `often` is neither true nor false"),
        ("key: [keys/a.pub]", "trust.models.key: there is no such key; did you mean `keys`?"),
        ("keys: [keys/a.pub, keys/a.pub]", "trust.models.keys: \"keys/a.pub\" stands twice"),
    ])
    func mistakesRefuseThePipelineByName(_ models: String, _ problem: String) throws {
        let found = try problems("trust: { models: { \(models) } }")
        #expect(found.count == 1 && found.first?.contains(problem) == true, "\(found)")
    }

    @Test func labelsThatCannotArriveNeedNoSignature() throws {
        try folder.write(base + "trust: { labelled: { keys: [keys/a.pub] } }\n", to: "p.yaml")
        let problems = LintReport.lint([folder("p.yaml")], root: folder.path).problems
        #expect(problems.map(\.key) == ["trust.labelled"])
    }

    // MARK: The key of the daemon

    @Test func theKeyOfTheDaemonIsReadByItsOwnerAlone() throws {
        #expect(try problems("", settings: "sign: keys/a") == [])
        let read = try #require(try report("", settings: "sign: keys/a").settings?.sign).read()
        #expect(read.publicKey == key.publicKey)
        for mode: mode_t in [0o644, 0o640, 0o602] {
            try #require(chmod(folder("keys/a"), mode) == 0)
            let found = try problems("", settings: "sign: keys/a")
            #expect(found.count == 1 && found.first?.contains("keys/a: others than its owner may read or write it") == true, "\(found)")
            let file = SigningKeyFile(path: folder("keys/a"))
            #expect(throws: SigningKeyFile.Fault.self) { try file.read() }
        }
    }

    @Test(arguments: ["keys/none", "keys/a.pub", "keys", "p.yaml"]) func whatIsNoPrivateKeyIsRefused(_ file: String) throws {
        if file == "p.yaml" { try folder.write("", to: "p.yaml") }
        let found = try problems("", settings: "sign: \(file)")
        #expect(found.count == 1 && found.first?.hasPrefix("millrace.yaml:1:7: sign: ") == true, "\(found)")
    }
}
