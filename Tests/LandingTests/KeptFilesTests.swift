import FileSystem
import Landing
import Recipes
import SystemPackage
import TestSupport
import Testing

@Suite struct KeptFilesTests {
    private let directory: TemporaryDirectory
    private let kept: KeptFiles

    init() throws {
        directory = try TemporaryDirectory("kept")
        kept = KeptFiles(work: FilePath(directory(".millrace")), pipeline: "p")
    }

    private func keep(_ source: FilePath, digest: String, at target: FilePath) throws {
        let descriptor = try FileDigest.open(source)
        defer { try? descriptor.close() }
        let folder = try HeldFolder(making: target.removingLastComponent())
        try folder.keep(descriptor, digest: digest, as: target.lastComponent?.string ?? "", named: source)
    }

    @Test(arguments: [
        ("a.csv", "d.csv"), ("sub/b.2031.csv.gz", "d.csv.gz"), ("noextension", "d"), ("x.parquet", "d.parquet"), ("odd.c\u{7}s v", "d.csv"),
    ])
    func labelsAreNamedByDigestAndFormat(name: String, expected: String) {
        #expect(kept.labels("d", named: name).lastComponent?.string == expected)
    }

    /// Labels that are kept without columns have a name that says without which, and go with all others of their content.
    @Test func labelsUnderAnyPrivacyAreLetGo() throws {
        let hidden = RowPrivacy(drop: ["a"]), other = RowPrivacy(drop: ["b"])
        let paths = [nil, hidden, other].map { kept.labels("d", named: "a.csv.gz", privacy: $0).string }
        #expect(Set(paths).count == 3 && paths[1].hasSuffix(".csv"), "\(paths)")
        let stranger = kept.labels("e", named: "a.csv", privacy: hidden).string
        for path in paths + [stranger] { try directory.write("rows", to: String(path.dropFirst(directory.path.count + 1))) }
        try kept.discardLabels("d")
        #expect(directory.files() == [String(stranger.dropFirst(directory.path.count + 1))])
    }

    @Test func aFileIsKeptOnceAndOnlyWithTheDigestItShouldHave() throws {
        let source = FilePath(try directory.write("rows", to: "a.csv"))
        let digest = try FileDigest.of(source).digest
        let target = kept.labels(digest, named: "a.csv")
        #expect(throws: FileSystemError.changedWhileRead(source)) {
            try keep(source, digest: "another", at: kept.labels("another", named: "a.csv"))
        }
        for _ in 1...2 { try keep(source, digest: digest, at: target) }
        #expect(directory.files().filter { $0.hasPrefix(".millrace") } == [".millrace/training/p/labels/\(digest).csv"])
        // The original may change or go: what is kept stays.
        try directory.write("other", to: "a.csv")
        try keep(source, digest: digest, at: target)
        #expect(try FileDigest.of(target).digest == digest)
        try kept.discard(target)
        #expect(throws: FileSystemError.changedWhileRead(source)) { try keep(source, digest: digest, at: target) }
    }

    @Test func modelsAreKeptWithTheirExternalDataUntilNobodyNeedsThem() throws {
        let graph = FilePath(try directory.write("graph", to: "model.onnx"))
        let weights = FilePath(try directory.write("weights", to: "model.onnx.data"))
        for digest in ["one", "two", "two"] {
            try kept.keepModel([("model.onnx", graph), ("model.onnx.data", weights)], digest: digest)
        }
        try kept.pruneModels(keeping: ["two"])
        #expect(
            directory.files().filter { $0.hasPrefix(".millrace") }
                == [".millrace/training/p/models/two/model.onnx", ".millrace/training/p/models/two/model.onnx.data"])
    }

    @Test func checkpointsOfClosedRunsGo() throws {
        for run in [3, 4] as [Int64] { try directory.write("x", to: ".millrace/training/p/checkpoints/\(run)/checkpoint-1.json") }
        try kept.pruneCheckpoints(keeping: [4])
        #expect(directory.files() == [".millrace/training/p/checkpoints/4/checkpoint-1.json"])
    }
}
