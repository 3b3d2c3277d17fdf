import Foundation
import PipelineConfig
import TestSupport
import Testing

@Suite struct PipelineSetTests {
    private let folder: TemporaryDirectory
    private var root: String { folder.path }

    init() throws { folder = try TemporaryDirectory("pipelines") }

    /// Writes a pipeline `name` to `p/NAME.yaml`, with lines of its own.
    private func write(
        _ name: String, file: String? = nil, models: String? = nil, data: String? = nil, landModels: String? = nil, outputs: String? = nil,
        more: String = ""
    ) throws {
        try folder.write(
            """
            name: \(name)
            spool:
              models: \(models ?? "spool/\(name)/models")
              data: \(data ?? "spool/\(name)/data")
            stages: [deserialize, forward]
            land:
              models: \(landModels ?? "out/\(name)/models")
              outputs: \(outputs ?? "out/\(name)/rows")
            \(more)
            """, to: "p/\(file ?? name).yaml")
    }

    /// Problems without the folder's own path.
    private func problems(_ patterns: String...) -> [String] {
        LintReport.lint(patterns.map { folder($0) }, root: root).problems.map { $0.description.replacing(root + "/", with: "") }
    }

    // MARK: Files

    @Test func foldersAndPatterns() throws {
        for name in ["b", "a", "c10"] { try write(name) }
        try folder.write("name: d", to: "p/notes.txt")
        try folder.write("name: e", to: "p/.hidden.yaml")
        let all = try PipelineSet.load([folder("p")], root: root)
        #expect(all.pipelines.map(\.name) == ["a", "b", "c10"])
        #expect(try PipelineSet.load([folder("p/*.yaml")], root: root) == all)
        #expect(try PipelineSet.load([folder("p/a.yaml"), folder("p")], root: root) == all, "each file once")
        #expect(all["b"]?.spool.data?.path == folder("spool/b/data"))
        #expect(all["x"] == nil)
    }

    @Test func nothingToRead() throws {
        try FileManager.default.createDirectory(atPath: folder("empty"), withIntermediateDirectories: true)
        #expect(problems("none.yaml") == ["none.yaml:1:1: there is no such file; check the path"])
        #expect(problems("*.yaml") == ["*.yaml:1:1: no file matches; check the path"])
        #expect(problems("empty") == ["empty:1:1: there is no *.yaml or *.yml in this folder; put pipelines into it, or name another"])
    }

    @Test func onlyRegularFilesAreOpened() throws {
        #expect(mkfifo(folder("pipe.yaml"), 0o600) == 0)
        #expect(problems("pipe.yaml") == ["pipe.yaml:1:1: this is no regular file; name a file"])
        try write("real")
        try FileManager.default.createSymbolicLink(atPath: folder("link.yaml"), withDestinationPath: "p/real.yaml")
        #expect(problems("link.yaml") == [])
        try FileManager.default.createSymbolicLink(atPath: folder("lost.yaml"), withDestinationPath: "nowhere")
        #expect(problems("lost.yaml") == ["lost.yaml:1:1: there is no such file; check the path"])
        let error = #expect(throws: PipelineError.self) { try PipelineFile.load(path: folder("p"), root: root) }
        #expect(error?.problems.map(\.fault) == ["this is a directory"])
    }

    @Test func problemsOfEveryFileAreGiven() throws {
        try write("a", more: "afetr: keep")
        try write("b", more: "colour: red")
        try write("c")
        let error = #expect(throws: PipelineError.self) { try PipelineSet.load([folder("p")], root: root) }
        #expect(error?.problems.map(\.key) == ["afetr", "colour"])
        let report = LintReport.lint([folder("p")], root: root)
        #expect(!report.isClean)
        #expect(report.files.map(\.name) == [nil, nil, "c"])
        let decoded = try JSONDecoder().decode(LintReport.self, from: JSONEncoder().encode(report))
        #expect(decoded.files == report.files)
        #expect(report.description.contains("p/c.yaml: pipeline c, revision "))
        let json = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
        #expect(json.contains(#""rule":"config.unknown-key""#))
    }

    // MARK: Conflicts

    @Test func pipelinesApartAreClean() throws {
        try write("a", more: "on_error: { quarantine: spool/a/quarantine }")
        try write("ab", more: "after: archive\narchive: archive/ab")
        #expect(problems("p") == [])
    }

    @Test func sameName() throws {
        try write("a")
        try write("a", file: "b", models: "s/m", data: "s/d", landModels: "o/m", outputs: "o/r", more: "on_error: { quarantine: q }")
        #expect(problems("p") == ["p/b.yaml:1:7: name: p/a.yaml:1 is also named a; give each pipeline a name of its own"])
    }

    /// Each row: lines changed in pipeline `a`, and the one problem of it.
    @Test(
        arguments: [
            (
                ("data", "out/a/rows/in"),
                "8:12: land.outputs.path: the outputs' landing, out/a/rows, holds a spool (spool.data.path, line 4) at out/a/rows/in"
            ),
            (("data", "out/a"), "7:11: land.models.path: the models' landing, out/a/models, lies in a spool (spool.data.path, line 4)"),
            (("data", "spool/a/models"), "4:9: spool.data.path: a spool, spool/a/models, is also a spool (spool.models.path, line 3)"),
            (
                ("data", "spool/a/models/../models/x/"),
                "4:9: spool.data.path: a spool, spool/a/models/x, lies in a spool (spool.models.path, line 3)"
            ),
            (
                ("outputs", "out/a/models"),
                "8:12: land.outputs.path: the outputs' landing, out/a/models, is also the models' landing (land.models.path, line 7)"
            ),
            (("outputs", ".millrace/rows"), "8:12: land.outputs.path: the outputs' landing, .millrace/rows, lies in the state folder"),
            (
                ("more", "on_error: { quarantine: spool/a/data/bad }"),
                "9:25: on_error.quarantine: a quarantine, spool/a/data/bad, lies in a spool (spool.data.path, line 4)"
            ),
            (
                ("more", "after: archive\narchive: spool/a/data"),
                "10:10: archive: an archive, spool/a/data, is also a spool (spool.data.path, line 4)"
            ),
        ] as [((String, String), String)])
    func foldersThatOverlap(change: (String, String), expected: String) throws {
        let value = { (key: String) in change.0 == key ? change.1 : nil }
        try write("a", data: value("data"), outputs: value("outputs"), more: value("more") ?? "")
        let found = problems("p/a.yaml")
        #expect(found.first == "p/a.yaml:\(expected); use folders that are apart")
    }

    @Test func theRootHoldsTheStateFolder() throws {
        try write("a", data: ".")
        #expect(
            problems("p").first
                == "p/a.yaml:4:9: spool.data.path: a spool, \(root), holds the state folder at .millrace; use folders that are apart")
    }

    @Test func onePipelineLandsInAnothersSpool() throws {
        try write("a")
        try write("b", models: "out/a/models")
        #expect(
            problems("p") == [
                """
                p/b.yaml:3:11: spool.models.path: a spool, out/a/models, is also the models' landing of a (land.models.path, p/a.yaml:7); \
                use folders that are apart
                """
            ])
    }

    @Test func linksAreFollowed() throws {
        try FileManager.default.createDirectory(atPath: folder("real/data"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder("link"), withDestinationPath: folder("real"))
        try write("a", data: "link/data", outputs: "real/data/not/yet")
        #expect(
            problems("p") == [
                """
                p/a.yaml:8:12: land.outputs.path: the outputs' landing, real/data/not/yet, lies in a spool (spool.data.path, line 4); \
                use folders that are apart
                """
            ])
    }

    @Test func aSpoolThatASyncToolOwns() throws {
        try folder.write("", to: "spool/a/.stfolder")
        try write("a", more: "after: delete")
        let refusal = """
            Syncthing owns spool/a/%, and `delete` would delete the files on its other side too; \
            write `after: keep`, or allow_upstream_delete: true
            """
        #expect(problems("p") == ["models", "data"].map { "p/a.yaml:9:8: after: " + refusal.replacing("%", with: $0) })
        try write("a", more: "after: delete\nallow_upstream_delete: true")
        #expect(problems("p") == [])
        try write("a", more: "after: keep")
        #expect(problems("p") == [])
    }

    @Test(arguments: [
        (".stfolder/x", "Syncthing"), (".stignore", "Syncthing"), (".dropbox", "Dropbox"), (".sync_0123abcd.db", "Nextcloud or ownCloud"),
        (".owncloudsync.log", "Nextcloud or ownCloud"), (".sync/ID", "Resilio Sync"), ("RCLONE_TEST", "rclone bisync"),
    ])
    func knowsWhoSyncsASpool(evidence: String, tool: String) throws {
        try folder.write("", to: "root/spool/a.csv")
        #expect(SyncOwner.of(folder("root/spool")) == nil)
        try folder.write("", to: "root/" + evidence)
        #expect(SyncOwner.of(folder("root/spool")) == tool)
    }

    @Test func aSettingsFolderIsNoSyncedFolder() throws {
        try folder.write("", to: "root/.dropbox/info.json")
        #expect(SyncOwner.of(folder("root/spool")) == nil)
    }
}
