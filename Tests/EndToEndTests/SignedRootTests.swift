import FileSystem
import Foundation
import Landing
import Signatures
import SystemPackage
import TestSupport
import Testing

/// What lands is signed with the daemon's key, and `millrace verify` and OpenSSL check it without the daemon.
@Suite(.serialized, .enabled(if: OpenSSL.isThere, "needs openssl")) struct SignedRootTests {
    /// A root with one version and two outputs, whose daemon has ended.
    func world(start: Bool = true) throws -> DaemonProcess {
        let daemon = try DaemonProcess("signed")
        try daemon.root.write(
            scoringPipeline + "\ntrust: { models: { keys: [author.pub] } }\n", to: "pipelines/p.yaml")
        try daemon.root.write("sign: landing\n", to: "millrace.yaml")
        for key in ["author", "landing"] { try command(["keys", "new", key], daemon) }
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try command(["sign", "spool/models/m.onnx", "--key", "author"], daemon)
        for name in ["a", "sub/b"] { try daemon.root.write("id,x\n\(name),1\n", to: "spool/data/\(name).csv") }
        if start { try once(daemon) }
        return daemon
    }

    func once(_ daemon: DaemonProcess) throws {
        usleep(300_000)
        try command(["run", "--once", "--wait", "20s", "pipelines/p.yaml"], daemon)
    }

    @discardableResult
    func command(_ words: [String], _ daemon: DaemonProcess, status: Int32 = 0) throws -> String {
        let answer = try DaemonProcess.command(words, in: daemon.root.path)
        #expect(answer.status == status, "\(words): \(answer.output)\(answer.error)")
        return answer.output + answer.error
    }

    func verify(_ daemon: DaemonProcess, status: Int32 = 0) throws -> String {
        try command(
            ["verify", "spool/models/m.onnx", "out/models", "out/outputs", "--key", "author.pub", "--key", "landing.pub"], daemon,
            status: status)
    }

    func landingKey(_ daemon: DaemonProcess) throws -> SigningKey {
        try SigningKey(String(decoding: daemon.root.read("landing"), as: UTF8.self))
    }

    /// Returns the line with a signature by the key of the daemon.
    func signed(_ line: String, _ daemon: DaemonProcess) throws -> String {
        let signature = Data(try landingKey(daemon).signature(of: Array(line.utf8))).base64EncodedString()
        return line.dropLast() + ",\"signature\":\"\(signature)\"}"
    }

    func manifest(_ daemon: DaemonProcess) throws -> String {
        try #require(daemon.root.files().first { $0.hasPrefix("out/outputs/_millrace/manifest-") })
    }

    @Test func theChainFromArrivalToOutputIsCheckedOffline() throws {
        let daemon = try world()
        let told = try verify(daemon)
        #expect(told.contains("version 1 of p came of spool/models/m.onnx"), "\(told)")
        #expect(told.contains("out/outputs/sub/b.csv was made by version 1 of p"), "\(told)")
        #expect(told.contains("7 good signatures") && told.contains(": 0 problems"), "\(told)")
        // The same with OpenSSL: the card, the model, and a line of the manifest.
        for name in ["card.json", "model.onnx"] {
            let file = "out/models/1/" + name
            try daemon.root.write("\(FileDigest.of(bytes: daemon.root.read(file)))  -\n", to: "statement")
            #expect(try OpenSSL.verifies("statement", file + ".sig", by: "landing.pub", in: daemon.root.path), "\(name)")
        }
        let line = try #require(String(decoding: try daemon.root.read(manifest(daemon)), as: UTF8.self).split(separator: "\n").first)
        try daemon.root.write(String(line.replacing(/,"signature":"[^"]*"}$/, with: "}")), to: "line")
        let signature = try #require(line.firstMatch(of: /,"signature":"([^"]*)"}$/)?.1)
        try daemon.root.write(try #require(Data(base64Encoded: String(signature))), to: "line.sig")
        #expect(try OpenSSL.verifies("line", "line.sig", by: "landing.pub", in: daemon.root.path))
        // The key of another signs nothing here.
        let strange = try command(["verify", "out/models", "--key", "author.pub"], daemon, status: 1)
        #expect(strange.contains("by none of the key"), "\(strange)")
    }

    @Test func whatWasSignedIsAdmittedElsewhere() throws {
        let daemon = try world()
        let other = try DaemonProcess("downstream")
        try other.root.write(scoringPipeline + "\ntrust: { models: { keys: [up.pub] } }\n", to: "pipelines/p.yaml")
        try other.root.write(try daemon.root.read("landing.pub"), to: "up.pub")
        for name in ["model.onnx", "model.onnx.sig"] {
            try other.root.write(try daemon.root.read("out/models/1/" + name), to: "spool/models/" + name)
        }
        try once(other)
        #expect(try String(decoding: other.root.read("out/models/ACTIVE"), as: UTF8.self) == "1\n")
        #expect(!other.root.files().contains { $0.hasSuffix("card.json.sig") }, "nothing is signed by default")
    }

    @Test(arguments: [
        "card", "model", "line", "no signature", "output", "foreign output", "foreign file", "renamed version", "signature", "newest line",
        "oldest line", "order", "repeated line", "no head", "head", "no manifest", "ACTIVE", "no signature of ACTIVE",
        "card of the active one", "removed output", "line of another chain", "head of another chain", "line of another model",
        "manifest of another pipeline",
    ])
    func everyChangeIsFound(what: String) throws {
        let daemon = try world()
        func edit(_ file: String, _ change: (String) -> String) throws {
            let text = String(decoding: try daemon.root.read(file), as: UTF8.self)
            let changed = change(text)
            #expect(text != changed)
            try daemon.root.write(changed, to: file)
        }
        /// Takes a line away, together with its output.
        func take(line number: Int) throws {
            let file = try manifest(daemon)
            var lines = String(decoding: try daemon.root.read(file), as: UTF8.self).split(separator: "\n")
            let output = try #require(lines[number].firstMatch(of: /"path":"([^"]*)"/)?.1)
            try FileManager.default.removeItem(atPath: daemon.root("out/outputs/" + output))
            lines.remove(at: number)
            try daemon.root.write(lines.map { $0 + "\n" }.joined(), to: file)
        }
        /// Changes a line as somebody could who has the key: what is signed by itself and stands in the wrong place.
        func sign(line number: Int, _ change: (String) -> String) throws {
            let file = try manifest(daemon)
            var lines = String(decoding: try daemon.root.read(file), as: UTF8.self).split(separator: "\n").map(String.init)
            let line = lines[number]
            lines[number] = try signed(change(String(line.replacing(/,"signature":"[^"]*"}$/, with: "}"))), daemon)
            #expect(lines[number] != line)
            try daemon.root.write(lines.map { $0 + "\n" }.joined(), to: file)
        }
        func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: daemon.root(file)) }
        let found: String
        switch what {
        case "newest line":
            try take(line: 1)
            found = "head-p.json: line 2 of the chain is missing at the end of the manifests"
        case "oldest line":
            try take(line: 0)
            found = "line 1 has the number 2: line 1 of the chain is before it missing"
        case "order":
            let file = try manifest(daemon)
            try edit(file) { $0.split(separator: "\n").reversed().map { $0 + "\n" }.joined() }
            found = "line 2 is out of its order: it has the number 1 and comes after 2"
        case "repeated line":
            try edit(try manifest(daemon)) { $0 + $0.split(separator: "\n")[0] + "\n" }
            found = "line 3 is out of its order"
        case "no head":
            try remove("out/outputs/_millrace/head-p.json")
            found = "head-p.json: it is missing, so that nothing tells whether the newest lines are there"
        case "head":
            try edit("out/outputs/_millrace/head-p.json") { $0.replacing("\"sequence\":2", with: "\"sequence\":1") }
            found = "head-p.json: it is by none of the keys, or it was changed"
        case "no manifest":
            for name in ["a.csv", "sub/b.csv"] { try remove("out/outputs/" + name) }
            try remove(try manifest(daemon))
            found = "lines 1 to 2 of the chain are missing at the end of the manifests"
        case "ACTIVE":
            try daemon.root.write("01\n", to: "out/models/ACTIVE")
            found = "ACTIVE: its signature ACTIVE.sig is not of the version that it names"
        case "no signature of ACTIVE":
            try remove("out/models/ACTIVE.sig")
            found = "ACTIVE: it has no signature ACTIVE.sig"
        case "card of the active one":
            try edit("out/models/1/card.json") { $0 + " " }
            found = "ACTIVE: its signature ACTIVE.sig is not of the version that it names"
        case "removed output":
            try sign(line: 1) { $0.replacing("\"revision\"", with: "\"removed_at\":\"2026-11-30T00:00:00Z\",\"revision\"") }
            found = "its signed line says that it was removed"
        case "line of another chain":
            try sign(line: 1) { $0.replacing(/"previous":"./, with: "\"previous\":\"x") }
            found = "line 2 does not go on from the line that stands before it"
        case "head of another chain":
            try sign(line: 1) { $0.replacing(/"revision":"./, with: "\"revision\":\"x") }
            found = "head-p.json: the line with its number 2 is another than the one that it names"
        case "line of another model":
            try sign(line: 1) { $0.replacing(/"model_digest":"./, with: "\"model_digest\":\"x") }
            found = "its line names another model than the signed card of version 1"
        case "manifest of another pipeline":
            let file = try manifest(daemon)
            try #require(rename(daemon.root(file), daemon.root(file.replacing("-p.jsonl", with: "-q.jsonl"))) == 0)
            found = "line 1 is of another pipeline, p"
        case "card":
            try edit("out/models/1/card.json") { $0.replacing("\"ungated\"", with: "\"passed\"").replacing("m.onnx", with: "n.onnx") }
            found = "card.json: its signature card.json.sig is by none of"
        case "model":
            try daemon.root.write(TinyModel.adding(2), to: "out/models/1/model.onnx")
            found = "model.onnx: it is not the file that its card names"
        case "line":
            try edit(try manifest(daemon)) { $0.replacing("\"model_version\":1", with: "\"model_version\":2") }
            found = "line 1 is by none of the keys, or it was changed"
        case "no signature":
            try edit(try manifest(daemon)) { $0.replacing(/,"signature":"[^"]*"/, with: "") }
            found = "line 1 has no signature"
        case "output":
            try edit("out/outputs/sub/b.csv") { $0.replacing("2", with: "3") }
            found = "b.csv: it is not the output that its signed line names"
        case "foreign output":
            try daemon.root.write("id,y\n", to: "out/outputs/c.csv")
            found = "c.csv: no signed line names it"
        case "foreign file":
            try daemon.root.write("x", to: "out/models/1/more.bin")
            found = "more.bin: its card does not name it"
        case "renamed version":
            try #require(rename(daemon.root("out/models/1"), daemon.root("out/models/2")) == 0)
            found = "it is the card of version 1"
        default:
            try FileManager.default.removeItem(atPath: daemon.root("out/models/1/card.json.sig"))
            found = "card.json: it has no signature card.json.sig"
        }
        let told = try verify(daemon, status: 1)
        #expect(told.contains(found), "\(told)")
    }

    @Test func aKeyThatOthersMayReadIsRefused() throws {
        let daemon = try world(start: false)
        try #require(chmod(daemon.root("landing"), 0o644) == 0)
        let told = try command(["run", "--once", "pipelines/p.yaml"], daemon, status: 2)
        #expect(told.contains("sign: ") && told.contains("others than its owner may read or write it"), "\(told)")
        #expect(try command(["lint", "pipelines/p.yaml"], daemon, status: 2).contains("others than its owner"))
        #expect(try command(["sign", "spool/models/m.onnx", "--key", "landing"], daemon, status: 1).contains("others than its owner"))
    }

    @Test func aSignatureIsNotSigned() throws {
        let daemon = try world(start: false)
        let told = try command(["sign", "spool/models/m.onnx", "spool/models/m.onnx.sig", "--key", "author"], daemon, status: 2)
        #expect(told.contains("spool/models/m.onnx.sig has the name of a signature"), "\(told)")
    }

    @Test func aKeyIsNeverReplaced() throws {
        let daemon = try world(start: false)
        let before = try daemon.root.read("author")
        #expect(try command(["keys", "new", "author"], daemon, status: 1).contains("author stands already"))
        #expect(try daemon.root.read("author") == before)
        var status = stat()
        #expect(stat(daemon.root("author"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try OpenSSL.run(["pkey", "-in", "author", "-noout"], in: daemon.root.path).status == 0)
    }

    @Test func openSSFBundlesAreVerified() throws {
        let daemon = try world(start: false)
        let bundles = ProjectScript.repository + "/Tests/SignaturesTests/Bundles/"
        try daemon.root.write("a model", to: "x/model.bin")
        let told = try command(
            ["verify", "x/model.bin", "--signature", bundles + "alone-p256.sig", "--key", bundles + "p256.pub"], daemon)
        #expect(told.contains("1 good signature,"), "\(told)")
        let other = try command(
            ["verify", "x/model.bin", "--signature", bundles + "alone-p256.sig", "--key", bundles + "p384.pub"], daemon, status: 1)
        #expect(other.contains("an OpenSSF bundle by none of the key"), "\(other)")
    }
}
