import Foundation
import Glibc
import TestSupport
import Testing

/// The lines of Sources/millrace/README.md for syncing out of output folders, on a tree with everything that is not final at several
/// depths.
@Suite struct OutwardSyncTests {
    private static let final: Set<String> = ["a.parquet", "sub/b.parquet", "date=2024-01-01/c.parquet"]
    private static let finalModels: Set<String> = ["1/model.onnx", "1/card.json", "2/model.onnx", "ACTIVE"]
    private static let unfinished = [
        "_millrace/manifest-20261129-p.jsonl", "sub/_millrace/manifest.jsonl", ".hidden/x.parquet", "sub/.y.parquet", "sub/_SUCCESS",
        "sub/_tmp/z.parquet",
    ]

    private static let readme = try? String(
        contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources/millrace/README.md"), encoding: .utf8)

    /// The lines of its code blocks that sync out with a tool.
    private static func lines(of tool: String) throws -> [String] {
        try #require(readme).split(separator: "\n").map(String.init).filter { $0.hasPrefix(tool) && $0.contains(" out/digits/") }
    }

    private func tree() throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("outward")
        for file in Self.final.union(Self.unfinished) { try root.write(file, to: "out/digits/predictions/" + file) }
        for file in Self.finalModels.union(["_millrace/cards/0.json"]) { try root.write(file, to: "out/digits/models/" + file) }
        return root
    }

    private static func has(_ tool: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains { access("\($0)/\(tool)", X_OK) == 0 }
    }

    @Test(.enabled(if: has("rsync"), "rsync is not installed"))
    func rsyncTakesWhatIsFinal() throws { try check("rsync") }

    @Test(.enabled(if: has("rclone"), "rclone is not installed"))
    func rcloneTakesWhatIsFinal() throws { try check("rclone") }

    private func check(_ tool: String) throws {
        let lines = try Self.lines(of: tool)
        #expect(lines.count == 2)
        let root = try tree()
        for line in lines {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", line.replacing("host:", with: "there/").replacing("remote:lake/", with: "there/")]
            process.currentDirectoryURL = URL(fileURLWithPath: root.path)
            process.standardError = FileHandle.nullDevice
            try FileManager.default.createDirectory(atPath: root("there"), withIntermediateDirectories: true)
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(line)")
        }
        let there = Set(root.files().filter { $0.hasPrefix("there/") }.map { String($0.dropFirst(6)) })
        #expect(there == Set(Self.final.map { "predictions/" + $0 } + Self.finalModels.map { "models/" + $0 }))
    }

    /// `aws s3 sync` compares patterns with paths below the source, and its `*` takes slashes too, as fnmatch(3) does.
    @Test func awsTakesWhatIsFinal() throws {
        let lines = try Self.lines(of: "aws s3 sync")
        #expect(lines.count == 2)
        for line in lines {
            let words = try #require(line.components(separatedBy: " && ").first).split(separator: " ").map(String.init)
            let patterns = words.indices.filter { words[$0] == "--exclude" }.map { words[$0 + 1].trimmingCharacters(in: ["'"]) }
            #expect(!words.contains("--include") && !words.contains("--delete"))
            let isModels = line.contains("/models")
            let files = isModels ? Self.finalModels.union(["_millrace/cards/0.json"]) : Self.final.union(Self.unfinished)
            let taken = files.filter { file in !patterns.contains { fnmatch($0, file, 0) == 0 } }
            #expect(taken == (isModels ? Self.finalModels.subtracting(["ACTIVE"]) : Self.final))
            // The version that is named is there before it is.
            if isModels { #expect(line.hasSuffix(" && aws s3 cp out/digits/models/ACTIVE s3://lake/models/ACTIVE")) }
        }
    }
}
