import Foundation
import Testing

/// Only `Runner/Files` opens files by their names. What else does is counted here, and the list may only become shorter: the code that
/// computes is to be confined, and can then open nothing. `ConfinedTests` lets the kernel look.
@Suite struct OuterPartTests {
    private static let runner = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Runner")

    /// The uses of names in each file, and why they are there.
    private static let exceptions: [String: Int] = [
        // ONNX Runtime reads prepared models, and what they are made of, by names beneath a folder that was given. A process that is
        // confined must be allowed that.
        "Prepared/PreparedModel.swift": 3,
        // Commands that ask about a model before it is dropped. They run in the command of a user, who may read these files, and not in an
        // attempt.
        "Admission/ModelCheck.swift": 1, "Draft/AdmissionCheck.swift": 6,
    ]

    /// Matches calls of ours and of Foundation that use a name of the file system.
    private static var uses: Regex<Substring> {
        #/
            FileManager\.default
            | Disk\.(?:status\((?:FilePath|place) | isDirectory | byteCount | makeDirectories | remove | names | clone\(FilePath
                | grant\([^,)]*\)?,\ (?:file|folder):
                | sync\((?:file|directory): | moveDirectory | replaceOurs | open\( )
            | HeldFolder\( | /proc/
            | FileDigest\.(?:of|ofWritten|stamp|open|ofModel)\((?:FilePath|path|at:|following:)
            | JSONFile\.(?:decode|write) | DurableFile\. | OpenFile\( | SpoolAccess\( | InputAccess\( | NamedModel\( | TunedModel\.
            | DiskRoom\.
            | ModelFile\((?:tuned:\ )?(?:path|written|model\.path|files) | Model\.load\(path
            | Session\((?:file:\ path|prepared) | Session\.prepare
            | \.write\(to: | (?:hasRows|TableReader|OutputWriter|PartWriter|PartReader)\(path:\ [^,]*\)
            | (?:^|\s)(?:rename|access|stat|unlink|mkdir|mmap|fopen)\( | \bopen\([^)]*O_(?:RD|WR)
        /#
    }

    @Test func onlyTheOuterPartUsesNames() throws {
        var found: [String: Int] = [:]
        let uses = Self.uses
        let files = try #require(FileManager.default.enumerator(atPath: Self.runner.path)).compactMap { $0 as? String }
        for file in files where file.hasSuffix(".swift") && !file.hasPrefix("Files/") {
            let text = try String(contentsOf: Self.runner.appendingPathComponent(file), encoding: .utf8)
            let count = text.split(separator: "\n").filter {
                let line = $0.drop { $0 == " " }
                return !line.hasPrefix("//") && line.replacing(#/func \w+\(/#, with: "").contains(uses)
            }.count
            if count > 0 { found[file] = count }
        }
        for (file, count) in found where count != Self.exceptions[file] { print("\(file): \(count)") }
        #expect(files.count > 30)
        #expect(found == Self.exceptions)
    }
}
