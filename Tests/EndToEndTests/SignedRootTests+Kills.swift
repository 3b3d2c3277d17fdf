import FileSystem
import Foundation
import Signatures
import TestSupport
import Testing

/// What a kill leaves, what was signed before, and what somebody puts where versions stand.
extension SignedRootTests {
    /// A version has its signatures from the moment that it is seen, and so has each line of a manifest.
    @Test(arguments: [
        "version.staged", "version.renamed", "active.signed", "active.replaced", "land.renamed", "manifest.written", "manifest.synced",
        "land.listed",
    ])
    func aKilledDaemonLeavesNothingUnsigned(point: String) throws {
        let daemon = try world(start: false)
        daemon.environment["MILLRACE_FAULT"] = "\(point):1:\(daemon.root("mark"))"
        try daemon.start()
        daemon.process?.waitUntilExit()
        #expect(FileManager.default.fileExists(atPath: daemon.root("mark")), "\(daemon.logText)")
        daemon.environment = [:]
        try once(daemon)
        let told = try verify(daemon)
        #expect(told.contains("7 good signatures") && told.contains(": 0 problems"), "\(point): \(told)")
    }

    /// What a kill leaves is found good before a daemon has put it right.
    @Test(arguments: ["active.signed", "active.replaced", "version.active", "manifest.written", "manifest.synced", "land.listed"])
    func whatAKillLeavesIsGood(point: String) throws {
        let daemon = try world(start: false)
        daemon.environment["MILLRACE_FAULT"] = "\(point):1:\(daemon.root("mark"))"
        try daemon.start()
        daemon.process?.waitUntilExit()
        let isOfOutputs = point.hasPrefix("manifest") || point.hasPrefix("land")
        let words = ["verify"] + (isOfOutputs ? ["out/models", "out/outputs"] : ["out/models"]) + ["--key", "landing.pub"]
        let told = try command(words, daemon)
        #expect(told.contains(": 0 problems"), "\(told)")
        if point == "manifest.synced" { #expect(told.contains("newer than it: a daemon is landing, or was killed"), "\(told)") }
        if point == "active.signed" { #expect(told.contains("ACTIVE: it is not there, so that no version is in force"), "\(told)") }
    }

    /// A root that was signed before lines were chained is good as far as that can be told.
    @Test func linesThatAreNotChainedAreSaidToBeSo() throws {
        let daemon = try world()
        let file = try manifest(daemon)
        let lines = try String(decoding: daemon.root.read(file), as: UTF8.self).split(separator: "\n").map { line in
            let bare = line.replacing(/,"signature":"[^"]*"}$/, with: "}").replacing(/"previous":"[^"]*",|,"sequence":\d+/, with: "")
            return try signed(String(bare), daemon) + "\n"
        }
        try daemon.root.write(lines.joined(), to: file)
        try FileManager.default.removeItem(atPath: daemon.root("out/outputs/_millrace/head-p.json"))
        let told = try verify(daemon)
        #expect(told.contains("lines of p that are signed and not chained: 2") && told.contains(": 0 problems"), "\(told)")
        // The daemon goes on from them, and one of them among those that it wrote since is none of its own.
        try daemon.root.write("id,x\nc,1\n", to: "spool/data/c.csv")
        try once(daemon)
        #expect(try verify(daemon).contains("lines of p that are signed and not chained: 2"))
        let all = try String(decoding: daemon.root.read(file), as: UTF8.self).split(separator: "\n").map { $0 + "\n" }
        try daemon.root.write([all[0], all[2], all[1]].joined(), to: file)
        #expect(try verify(daemon, status: 1).contains("line 3 is in no chain, and those before it are"))
    }

    /// A card that is signed and names a parent which is none.
    @Test func aParentThatIsAnotherModelIsFound() throws {
        let daemon = try world()
        try daemon.root.write(TinyModel.adding(2), to: "spool/models/m.onnx")
        try command(["sign", "spool/models/m.onnx", "--key", "author"], daemon)
        try once(daemon)
        let words = ["verify", "out/models", "--key", "landing.pub"]
        #expect(try command(words, daemon).contains(": 0 problems"))
        let card = String(decoding: try daemon.root.read("out/models/2/card.json"), as: UTF8.self)
        let other = card.replacing(
            "\"pipeline\" : \"p\"", with: "\"parent\" : { \"digest\" : \"d\", \"version\" : 1 }, \"pipeline\" : \"p\"")
        #expect(other != card)
        try daemon.root.write(other, to: "out/models/2/card.json")
        let statement = Array("\(FileDigest.of(bytes: other.utf8))  -\n".utf8)
        try daemon.root.write(try landingKey(daemon).signature(of: statement), to: "out/models/2/card.json.sig")
        let told = try command(words, daemon, status: 1)
        #expect(told.contains("its parent is not version 1 as its signed card has it"), "\(told)")
    }

    /// Where models need signatures, a version that the ledger does not know is restored only if it is signed, and so is the choice of the
    /// one in force. Otherwise whoever may write there would bring a model past `trust`.
    @Test(arguments: [true, false]) func aVersionThatNobodySignedIsNotRestored(isLost: Bool) throws {
        let daemon = try world()
        try daemon.root.write(TinyModel.adding(2), to: "spool/models/m.onnx")
        try command(["sign", "spool/models/m.onnx", "--key", "author"], daemon)
        try once(daemon)
        func active() throws -> String { String(decoding: try daemon.root.read("out/models/ACTIVE"), as: UTF8.self) }
        #expect(try active() == "2\n")
        let evil = TinyModel.adding(9)
        let model = String(decoding: try daemon.root.read("out/models/2/card.json"), as: UTF8.self)
            .replacing(FileDigest.of(bytes: try daemon.root.read("out/models/2/model.onnx")), with: FileDigest.of(bytes: evil))
            .replacing(/"version" : 2/, with: "\"version\" : 3").replacing(/"arrival" : \d+/, with: "\"arrival\" : 77")
        try daemon.root.write(model, to: "out/models/3/card.json")
        try daemon.root.write(evil, to: "out/models/3/model.onnx")
        try daemon.root.write("3\n", to: "out/models/ACTIVE")
        try daemon.root.write("id,x\nc,1\n", to: "spool/data/c.csv")
        if isLost {
            try FileManager.default.removeItem(atPath: daemon.root(".millrace"))
            let told = try command(["run", "--once", "--wait", "20s", "pipelines/p.yaml"], daemon, status: 1)
            #expect(told.contains("out/models/3/card.json is signed neither by the key of `sign` nor by one of `trust.models`"), "\(told)")
            #expect(told.contains("ACTIVE is not signed by the key of `sign`"), "\(told)")
            #expect(try command(["rebuild"], daemon, status: 1).contains("2 model versions"))
        }
        try once(daemon)
        #expect(String(decoding: try daemon.root.read("out/outputs/c.csv"), as: UTF8.self).contains("c,3"), "by version 2")
        #expect(try command(["models", "p"], daemon).contains("77") == false)
    }

    /// A version that a command puts in force while no daemon runs is signed too.
    @Test func aCommandSignsWhatItPutsInForce() throws {
        let daemon = try world()
        try command(["activate", "p", "1", "--pin"], daemon)
        #expect(try verify(daemon).contains(": 0 problems"))
        #expect(FileManager.default.fileExists(atPath: daemon.root("out/models/ACTIVE.sig")))
    }

    @Test func anOutputThatWasTakenAwayIsCounted() throws {
        let daemon = try world()
        try FileManager.default.removeItem(atPath: daemon.root("out/outputs/a.csv"))
        let told = try verify(daemon)
        #expect(told.contains("outputs that signed lines name and that are not there any more: 1"), "\(told)")
    }
}
