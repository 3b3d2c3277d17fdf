import Foundation
import Testing

/// Only `Runner/Files` opens files by their names. What else still does is counted here, and the list may only become shorter: the code
/// that computes is to be confined, and can then open nothing.
@Suite struct OuterPartTests {
    private static let runner = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Runner")

    /// The uses of names in each file, and why they are still there.
    private static let exceptions: [String: Int] = [
        // A model that arrived with its external data, rows to try it on, labels.
        "OpenedInput.swift": 1,
        // The form of a model that prepared models are made of.
        "Stages/ModelFile.swift": 1,
        // The copy of a model that is validated, in staging.
        "Stages/ModelValidation.swift": 5,
        // The folders of a training and of the version that it makes; labels that are kept.
        "Stages/FineTune.swift": 12,
        // The plan of the ranges, which parts are finished, and the names that they get.
        "Ranges/PartsFolder.swift": 7,
        // Prepared models: the engine maps their weights by a name, and writes them under one.
        "Prepared/PreparedModel.swift": 21, "Prepared/PreparedModels.swift": 4,
        // Commands that ask about a model before it is dropped.
        "Admission/ModelCheck.swift": 1, "Draft/AdmissionCheck.swift": 6,
    ]

    /// Matches calls of ours and of Foundation that use a name of the file system.
    private static var uses: Regex<Substring> {
        #/
            FileManager\.default
            | Disk\.(?:status\((?:FilePath|place) | isDirectory | byteCount | makeDirectories | remove | names | clone | grant
                | sync\((?:file|directory) | moveDirectory | replaceOurs | open\( )
            | FileDigest\.(?:of|ofWritten|stamp|open|ofModel)\((?:FilePath|path|at:|following:)
            | JSONFile\.(?:decode|write) | DurableFile\. | OpenFile\( | SpoolAccess\( | InputAccess\( | NamedModel\( | TunedModel\.
            | DiskRoom\.
            | ModelFile\((?:tuned:\ )?(?:path|written|model\.path|files) | Model\.load\(path
            | Session\((?:file:\ path|prepared) | Session\.prepare
            | \.write\(to: | writeRunnable\(to: | hasRows\(path | (?:TableReader|OutputWriter|PartWriter|PartReader)\(path:\ [^,]*\)
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
