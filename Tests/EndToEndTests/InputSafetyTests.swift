import FileSystem
import Foundation
import Glibc
import Landing
import Ledger
import SystemPackage
import TestSupport
import Testing

/// What someone who can write in a spool cannot make the daemon do: read, or remove, what lies outside it.
@Suite(.serialized) struct InputSafetyTests {
    private func daemon(_ label: String, after: String = "keep") throws -> DaemonProcess {
        let daemon = try DaemonProcess(label)
        try daemon.root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 200ms }
            after: \(after)
            \(after == "archive" ? "archive: archive" : "")
            schema: { key: [id], keep: [id] }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        try daemon.root.write(TinyModel.adding(1), to: "spool/models/m.onnx")
        try daemon.start()
        #expect(eventually { FileManager.default.fileExists(atPath: daemon.root("out/models/ACTIVE")) }, "\(daemon.logText)")
        return daemon
    }

    private func command(_ daemon: DaemonProcess, _ words: String...) throws -> DaemonProcess.CommandOutput {
        try DaemonProcess.command(words + ["--root", daemon.root.path, "--pipelines", daemon.root("pipelines/p.yaml")])
    }

    private func outputs(_ daemon: DaemonProcess) -> String {
        daemon.root.files().filter { $0.hasPrefix("out/outputs/") }.compactMap {
            try? String(contentsOfFile: daemon.root($0), encoding: .utf8)
        }.joined()
    }

    /// The file waits; its folder becomes a link to one that only the daemon may read, which holds a file of the same name.
    @Test(arguments: ["keep", "delete", "archive"])
    func aFolderThatBecomesALinkLeadsNowhere(after: String) throws {
        let daemon = try daemon("swap", after: after)
        _ = try command(daemon, "pause", "p")
        let rows = "id,x\nROOTSECRET,1\n"
        try daemon.drop("id,x\nplain,1\n".utf8, at: "spool/data/sub/s.csv")
        try daemon.drop(rows.utf8, at: "spool/data/same/t.csv")
        #expect(eventually { (try? command(daemon, "status", "--json").output.contains("same/t.csv")) == true }, "\(daemon.logText)")
        for (folder, file) in [("sub", "s.csv"), ("same", "t.csv")] {
            try daemon.root.write(rows, to: "secret/\(folder)/\(file)")
            chmod(daemon.root("secret/\(folder)"), 0o700)
            #expect(rename(daemon.root("spool/data/" + folder), daemon.root("away-" + folder)) == 0)
            #expect(symlink(daemon.root("secret/" + folder), daemon.root("spool/data/" + folder)) == 0)
        }
        _ = try command(daemon, "resume", "p")
        try daemon.drop("id,x\nlast,1\n".utf8, at: "spool/data/last.csv")
        #expect(eventually { outputs(daemon).contains("last") }, "\(daemon.logText)")
        let ledger = try RunLedger(stateDirectory: daemon.root(".millrace"), readOnly: true)
        #expect(try eventually { try ledger.openRuns().isEmpty }, "\(daemon.logText)")
        #expect(!outputs(daemon).contains("ROOTSECRET"), "\(daemon.logText)")
        #expect(!outputs(daemon).contains("sub/s.csv") && !outputs(daemon).contains("same/t.csv"), "no line of the manifest")
        #expect(daemon.stop() == 0)
        for (folder, file) in [("sub", "s.csv"), ("same", "t.csv")] {
            #expect(try daemon.root.read("secret/\(folder)/\(file)") == Array(rows.utf8))
            #expect(FileManager.default.fileExists(atPath: daemon.root("away-\(folder)/\(file)")))
        }
    }

    /// A file and a link to a secret take the same name in turn, thousands of times.
    @Test func aNameThatIsAFileAndALinkInTurnLeaksNothing() throws {
        let daemon = try daemon("turns")
        try daemon.root.write("id,x\nROOTSECRET,1\n", to: "secret/s.csv")
        let end = ContinuousClock.now + .seconds(6)
        var turns = 0
        let name = daemon.root("spool/data/r.csv")
        while ContinuousClock.now < end {
            turns += 1
            try daemon.root.write("id,x\nplain-\(turns),1\n", to: "away/r.csv")
            #expect(rename(daemon.root("away/r.csv"), name) == 0)
            usleep(UInt32.random(in: 0..<2000))
            symlink(daemon.root("secret/s.csv"), daemon.root("away/link"))
            #expect(rename(daemon.root("away/link"), name) == 0)
            usleep(UInt32.random(in: 0..<500))
        }
        try daemon.drop("id,x\nlast,1\n".utf8, at: "spool/data/r.csv")
        #expect(eventually { outputs(daemon).contains("last") }, "\(daemon.logText.suffix(2000))")
        #expect(turns > 50)
        // Everything that was ever published stands in the manifest with the digest of what was read.
        let secret = FileDigest.of(bytes: "id,x\nROOTSECRET,1\n".utf8)
        let lines = try Manifest(outputRoot: FilePath(daemon.root("out/outputs")), pipeline: "p").files().flatMap {
            try Manifest.lines(of: $0)
        }
        let leak = FileDigest.of(bytes: "id,y\nROOTSECRET,2.0\n".utf8)
        #expect(!lines.contains { $0.outputDigest == leak || $0.inputDigest == secret })
        #expect(!outputs(daemon).contains("ROOTSECRET"))
        #expect(daemon.stop() == 0)
    }

    /// As Kubernetes lays out a volume, and as a sync tool may link.
    @Test func linksWithinTheSpoolAreRead() throws {
        let daemon = try daemon("links")
        let data = daemon.root("spool/data/")
        try daemon.root.write("id,x\nkube,1\n", to: "spool/data/..2026/k.csv")
        #expect(symlink("..2026", data + "..data") == 0)
        #expect(symlink("..data/k.csv", data + "k.csv") == 0)
        #expect(symlink(data + "..2026/k.csv", data + "absolute.csv") == 0)
        #expect(
            eventually { outputs(daemon).components(separatedBy: "kube").count == 3 }, "\(outputs(daemon)) \(daemon.logText)")
        #expect(daemon.stop() == 0)
    }

    /// Many attempts read a file while others write to it: an output stands for the whole content whose digest its line tells.
    @Test func whatIsPublishedIsWhatWasNumbered() throws {
        let daemon = try daemon("moving")
        func content(_ round: Int) -> String { "id,x\n" + (0..<20_000).map { "r\(round)-\($0),1\n" }.joined() }
        for round in 1...8 {
            let bytes = Data(content(round).utf8)
            let path = daemon.root("spool/data/a.csv")
            if round == 1 {
                try daemon.drop(bytes, at: "spool/data/a.csv")
            } else {
                let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
                try file.truncate(atOffset: 0)
                for start in stride(from: 0, to: bytes.count, by: 40_000) {
                    try file.write(contentsOf: bytes[start..<min(start + 40_000, bytes.count)])
                    usleep(20_000)
                }
                try file.close()
            }
            usleep(UInt32.random(in: 200_000..<500_000))
        }
        let last = "r8-19999,2.0"
        #expect(eventually { outputs(daemon).contains(last) }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let digests = Set((1...8).map { FileDigest.of(bytes: content($0).utf8) })
        let lines = try Manifest(outputRoot: FilePath(daemon.root("out/outputs")), pipeline: "p").files().flatMap {
            try Manifest.lines(of: $0)
        }
        #expect(!lines.isEmpty && lines.allSatisfy { digests.contains($0.inputDigest) && $0.rows == 20_000 }, "\(lines)")
    }
}
