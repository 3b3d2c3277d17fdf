import Foundation
import PipelineConfig
import TestSupport
import Testing

@Suite struct RetainTests {
    private func pipeline(_ lines: String, settings: String = "") throws -> Pipeline {
        let folder = try TemporaryDirectory("retain")
        try folder.write(settings + "\n", to: "millrace.yaml")
        try folder.write(base + lines + "\n", to: "p.yaml")
        return try #require(try PipelineSet.load([folder("p.yaml")], root: folder.path).pipelines.first)
    }

    @Test func aPipelineGoesBeforeTheSettings() throws {
        let settings = "retain: { archive: 30d, quarantine: 90d, history: 180d, labels: 10GiB }"
        let plain = try pipeline("", settings: settings).retain
        #expect(plain.archive == .age(.seconds(30 * 86_400)) && plain.quarantine == .age(.seconds(90 * 86_400)))
        #expect(plain.history == .seconds(180 * 86_400) && plain.labels == .bytes(10 << 30))
        let own = try pipeline("retain: { archive: 1GB, history: forever }", settings: settings).retain
        #expect(own.archive == .bytes(1_000_000_000) && own.history == nil && own.labels == .bytes(10 << 30))
        #expect(try pipeline("").retain == Retain())
    }

    @Test func neitherIsPartOfTheRevision() throws {
        #expect(try pipeline("retain: { archive: 1d }\nwas: old").revision == pipeline("").revision)
        #expect(try pipeline("was: old").was == "old" && pipeline("").was == nil)
    }

    @Test(arguments: [
        ("retain: { archive: 30 }", "5:20: retain.archive: `30` is neither an age nor a size; write one, like 30d or 10GiB, or forever"),
        ("retain: { archive: 1s }", "5:20: retain.archive: 1s is too short; write at least 1m"),
        ("retain: { history: 1GB }", "5:20: retain.history: history is kept by age; write a duration, like 180d"),
        ("retain: { archiv: 1d }", "5:11: retain.archiv: there is no such key; did you mean `archive`?"),
        ("retain: 30d", "5:9: retain: `30d` stands where a mapping belongs; give it keys: archive, quarantine, history, labels"),
        ("was: digits", "5:6: was: the pipeline is named so now; write the name that it had before, or remove it"),
        (
            "was: ../x",
            "5:6: was: \"../x\" cannot name a pipeline; write letters, digits, - and _, beginning with a letter or digit, at most 64"
        ),
    ])
    func mistakes(_ lines: String, _ problem: String) {
        #expect(problems(base + lines + "\n") == ["p.yaml:" + problem])
    }

    @Test func aHistoryHasOneHeir() throws {
        let folder = try TemporaryDirectory("heirs")
        for (name, was) in [("a", "old"), ("b", "old"), ("c", "a")] {
            try folder.write(
                """
                name: \(name)
                was: \(was)
                spool: { models: s/\(name)/m, data: s/\(name)/d }
                stages: [deserialize, forward]
                land: { models: o/\(name)/m, outputs: o/\(name)/r }

                """,
                to: "p/\(name).yaml")
        }
        let faults = LintReport.lint([folder("p")], root: folder.path).problems.map {
            $0.description.replacing(folder.path + "/", with: "")
        }
        #expect(
            faults == [
                "p/b.yaml:2:6: was: p/a.yaml:2 was also named old; keep `was` in one of them",
                "p/c.yaml:2:6: was: p/a.yaml:1 is named a, and its history is its own; remove `was`, or that pipeline",
            ])
    }
}
