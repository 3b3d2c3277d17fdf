import Foundation
import TestSupport
import Testing

/// A sample of `make torture`: 200 SIGKILLs and 20 faults of the machine, always the same ones, under a mixed load; and of
/// `make torture-points`. A script that shares no code with us makes them, reads the outputs all the while and judges every file at the end
/// (Tests/README.md).
@Suite(.serialized) struct TortureTests {
    private static let seed = 50

    @Test func killedAndBrokenNothingIsLostDoubledOrSeenInPart() throws {
        let (status, said) = try torture(["--kills", "200", "--faults", "20", "--quick", "--patience", "600"])
        #expect(status == 0, "seed \(Self.seed): \(said.suffix(12_000))")
        for kind in ["lost", "doubled", "partial", "wrong"] { #expect(said.contains("| **\(kind)** | **0** |"), "seed \(Self.seed)") }
    }

    /// A process dies in each of a few fault points, and in no other.
    @Test func killedInAFaultPointNothingIsLostDoubledOrSeenInPart() throws {
        let (status, said) = try torture(["--points", "--sample", "--patience", "600"])
        #expect(status == 0, "seed \(Self.seed): \(said.suffix(12_000))")
        for kind in ["lost", "doubled", "partial", "wrong"] { #expect(said.contains("| **\(kind)** | **0** |"), "seed \(Self.seed)") }
    }

    /// Three minutes of `make soak`: what the daemon holds stays within bounds, and nothing is lost meanwhile.
    @Test func inThreeMinutesNothingGrows() throws {
        let (status, said) = try torture(["--soak", "180", "--pause", "0.05", "--patience", "600"])
        #expect(status == 0, "seed \(Self.seed): \(said.suffix(12_000))")
        for kind in ["lost", "doubled", "partial", "wrong"] { #expect(said.contains("| **\(kind)** | **0** |"), "seed \(Self.seed)") }
        #expect(said.contains("| descriptors more at rest |") && !said.contains("TOO MUCH"))
    }

    /// The judge itself: damage of every kind to what a quiet run has published is seen.
    @Test func theJudgeSeesEveryKindOfDamage() throws {
        let (status, said) = try torture(["--self-test"])
        #expect(status == 0, "seed \(Self.seed): \(said)")
        let kinds = [": lost: ", ": doubled: ", ": partial: ", ": wrong: "]
        let seen = said.split(separator: "\n").filter { line in kinds.contains { line.contains($0) } }
        #expect(seen.count == 24 && !said.contains("NOT SEEN"), "\(said)")
    }

    private func torture(_ arguments: [String]) throws -> (status: Int32, said: String) {
        let python = ProjectScript.repository + "/.deps/oracle/bin/python"
        try #require(FileManager.default.isExecutableFile(atPath: python), "run Scripts/test-tools")
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: python)
        let script = ProjectScript.repository + "/Tests/Torture/torture.py"
        process.arguments = [script, "--millrace", DaemonProcess.binary.path, "--seed", "\(Self.seed)"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }
}
