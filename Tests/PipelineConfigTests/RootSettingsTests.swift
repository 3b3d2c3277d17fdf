import Foundation
import PipelineConfig
import Reasons
import TestSupport
import Testing

@Suite struct RootSettingsTests {
    private let folder: TemporaryDirectory
    private var root: String { folder.path }

    init() throws { folder = try TemporaryDirectory("settings") }

    private func load(_ text: String) throws -> RootFile {
        try folder.write(text, to: "millrace.yaml")
        return RootFile.load(root: root)
    }

    private func problems(_ text: String) throws -> [String] {
        try load(text).problems.map { $0.description.replacing(root + "/", with: "") }
    }

    private func pipeline(_ lines: String = "") throws {
        try folder.write(
            """
            name: p
            spool: { models: in/models, data: in/data }
            stages: [deserialize, forward]
            \(lines.isEmpty ? "land: { models: out/models, outputs: out/rows }" : lines)
            """, to: "pipelines/p.yaml")
    }

    // MARK: Values

    @Test func everyKey() throws {
        let file = try load(
            """
            workers: 3
            threads: 2
            sessions: 3GiB
            confinement: required
            state: var/state
            work: /srv/work
            limits: { time: 30m }
            land: { models: { keep: 9 }, outputs: { format: csv } }
            """)
        #expect(file.problems == [] && file.exists && file.hasKnownState)
        let settings = file.settings
        #expect(
            settings.workers == 3 && settings.threads == 2 && settings.sessions == 3 << 30 && settings.keep == 9 && settings.format == .csv)
        #expect(settings.state == folder("var/state") && settings.work == "/srv/work" && settings.limits.time == .seconds(1800))
        #expect(settings.confinement == .required)
    }

    /// Neither no file nor one that says nothing changes a default.
    @Test(arguments: [nil, "", "# nothing yet\n", "---\n", "{}\n"])
    func defaults(_ text: String?) throws {
        if let text { try folder.write(text, to: "millrace.yaml") }
        let file = RootFile.load(root: root)
        #expect(file.problems == [] && file.exists == (text != nil) && file.settings == RootSettings(root: root))
        #expect(file.settings.state == folder(".millrace") && file.settings.work == folder(".millrace") && file.settings.workers == nil)
    }

    @Test func workFollowsTheState() throws {
        #expect(try load("state: s\n").settings.work == folder("s"))
    }

    @Test func theOtherSuffixIsReadToo() throws {
        try folder.write("jobs: 2\n", to: "millrace.yml")
        #expect(RootFile.load(root: root).settings.workers == 2)
        #expect(try problems("jobs: 3\n") == ["millrace.yaml:1:1: millrace.yml stands beside it; remove one of them"])
    }

    // MARK: Defaults of pipelines

    @Test func modeAndGroupAreDefaultsEach() throws {
        try folder.write("land: { mode: 0660, group: 17 }\n", to: "millrace.yaml")
        try pipeline()
        #expect(
            try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"]).land.access == LandAccess(mode: 0o660, group: 17))
        try pipeline("land: { models: out/models, outputs: out/rows, mode: 0600 }")
        #expect(
            try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"]).land.access == LandAccess(mode: 0o600, group: 17))
        #expect(try problems("land: { mode: 0777 }\n").first?.contains("has bits that no published file needs") == true)
    }

    @Test func pipelinesTakeTheDefaultsUnlessTheySayOtherwise() throws {
        try folder.write("limits: { time: 30m }\nland: { models: { keep: 9 }, outputs: { format: csv } }\n", to: "millrace.yaml")
        try pipeline()
        var read = try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"])
        #expect(read.limits.time == .seconds(1800) && read.land.models?.keep == 9 && read.land.outputs?.format == .csv)
        try pipeline("limits: { time: 1h }\nland: { models: { path: out/models, keep: 2 }, outputs: { path: out/rows, format: arrow } }")
        read = try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"])
        #expect(read.limits.time == .seconds(3600) && read.land.models?.keep == 2 && read.land.outputs?.format == .arrow)
    }

    /// The format is part of what a pipeline means, wherever it is written.
    @Test func aDefaultFormatIsPartOfTheRevision() throws {
        try pipeline()
        let without = try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"])
        try folder.write("land: { outputs: { format: csv } }\n", to: "millrace.yaml")
        let with = try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"])
        try folder.write("jobs: 1\n", to: "millrace.yaml")
        try pipeline("land: { models: out/models, outputs: { path: out/rows, format: csv } }")
        let written = try #require(try PipelineSet.load([folder("pipelines")], root: root)["p"])
        #expect(with.revision != without.revision && with.revision == written.revision)
    }

    // MARK: Problems

    @Test(arguments: [
        ("jbos: 2", "millrace.yaml:1:1: jbos: there is no such key; did you mean `jobs`?"),
        (
            "colour: red",
            """
            millrace.yaml:1:1: colour: there is no such key; \
            the keys here are workers, jobs, threads, sessions, confinement, state, work, limits, land, notify, retain, trust, sign, executor
            """
        ),
        ("stages: []", "millrace.yaml:1:1: stages: there is no such key; it stands in each pipeline"),
        ("jobs: many", "millrace.yaml:1:7: jobs: `many` is not a whole number; write one, like 1"),
        ("jobs: 0", "millrace.yaml:1:7: jobs: 0 is out of range; write a number from 1 to 4096"),
        ("jobs: 1\njobs: 2", "millrace.yaml:2:1: jobs: the key stands twice in one mapping, first in line 1; remove one of them"),
        (
            "limits: { time: 30 }",
            "millrace.yaml:1:17: limits.time: `30` has no unit; write a number with ms, s, m, h or d, like 2s or 1h30m"
        ),
        ("limits: { memory: 1 }", "millrace.yaml:1:19: limits.memory: `1` has no unit; write one, like 512MiB or 4GiB"),
        ("workers: 1\njobs: 2", "millrace.yaml:2:7: jobs: `workers` says the same; remove it"),
        ("sessions: 5", "millrace.yaml:1:11: sessions: `5` has no unit; write one, like 512MiB or 4GiB"),
        ("confinement: maybe", "millrace.yaml:1:14: confinement: `maybe` is none of required, auto, off; write one of them"),
        ("listen: 8080", "millrace.yaml:1:1: listen: not implemented in this version; remove it"),
        (
            "trust: { models: {} }",
            "millrace.yaml:1:18: trust.models.keys: missing; name the public keys of those whose signatures count: keys: [FILE.pub]"
        ),
        ("state: .", "millrace.yaml:1:8: state: the state cannot be the root itself; write a folder of its own, like .millrace"),
        (
            "land: { outputs: { format: parket } }",
            "millrace.yaml:1:28: land.outputs.format: `parket` is none of parquet, arrow, csv, jsonl, npy, npz; did you mean `parquet`?"
        ),
        (
            "[1]",
            """
            millrace.yaml:1:1: a list stands where a mapping belongs; \
            give it keys: workers, jobs, threads, sessions, confinement, state, work, limits, land, notify, retain, trust, sign, executor
            """
        ),
    ])
    func mistakes(_ text: String, _ problem: String) throws {
        #expect(try problems(text + "\n") == [problem])
    }

    @Test func aPipelineIsToldWhereTheSettingsStand() throws {
        try pipeline("land: { models: out/models, outputs: out/rows }\njobs: 3")
        let report = LintReport.lint([folder("pipelines")], root: root)
        #expect(
            report.problems.map(\.fault) == ["there is no such key"] && report.problems.map(\.remedy) == ["it stands in ROOT/millrace.yaml"]
        )
    }

    @Test func lintReportsItBesideThePipelines() throws {
        try pipeline()
        try folder.write("jbos: 2\n", to: "millrace.yaml")
        let report = LintReport.lint([folder("pipelines")], root: root)
        #expect(!report.isClean && report.problems.map(\.key) == ["jbos"] && report.problems.map(\.rule) == [.unknownKey])
        #expect(throws: PipelineError.self) { try PipelineSet.load([folder("pipelines")], root: root) }
    }

    /// It lies beside the pipelines where somebody keeps them in the root.
    @Test func itIsNoPipeline() throws {
        try folder.write("jobs: 2\n", to: "millrace.yaml")
        try folder.write(
            "name: p\nspool: { models: in/m, data: in/d }\nstages: [deserialize, forward]\nland: { models: o/m, outputs: o/r }\n",
            to: "p.yaml")
        for patterns in [[root], [folder("*.yaml")], [folder("millrace.yaml"), folder("p.yaml")]] {
            let set = try PipelineSet.load(patterns, root: root)
            #expect(set.pipelines.map(\.name) == ["p"] && set.settings.workers == 2)
        }
    }

    /// Commands work beside a mistake in another key, and guess no state where that is in doubt.
    @Test(arguments: [("jbos: 1\nstate: s", true), ("stat: s", false), ("state: [a]", false), ("jobs: [", false), ("state: s", true)])
    func whereTheStateIsInDoubt(_ text: String, _ isKnown: Bool) throws {
        let file = try load(text + "\n")
        #expect(file.hasKnownState == isKnown)
        if isKnown { #expect(file.settings.state == folder("s")) }
    }

    @Test(arguments: [("state: here", "the state folder"), ("work: here", "the work folder")])
    func noFolderOfAPipelineLiesInIt(_ text: String, _ name: String) throws {
        try folder.write(text + "\n", to: "millrace.yaml")
        try pipeline("land: { models: here/models, outputs: out/rows }")
        let problems = LintReport.lint([folder("pipelines")], root: root).problems.map(\.fault)
        #expect(problems == ["the models' landing, here/models, lies in \(name)"])
    }
}
