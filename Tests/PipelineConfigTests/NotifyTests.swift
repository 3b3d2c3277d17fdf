import Foundation
import PipelineConfig
import TestSupport
import Testing

@Suite struct NotifyTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("notify") }

    /// The problems of a root with this `millrace.yaml` and a pipeline with these lines.
    private func problems(_ settings: String, _ lines: String = "") throws -> [String] {
        try folder.write(settings + "\n", to: "millrace.yaml")
        try folder.write(base + lines + "\n", to: "pipelines/p.yaml")
        return LintReport.lint([folder("pipelines")], root: folder.path).problems.map {
            $0.description.replacing(folder.path + "/", with: "")
        }
    }

    private static let targets = "notify: { ops: { command: [tell, --x] }, chat: { post: \"https://chat.example/hook?k=1\", timeout: 5s } }"

    @Test func values() throws {
        #expect(
            try problems(Self.targets, "notify: { published: chat, quarantined: [ops, chat], waiting_long: { tell: ops, after: 10m } }")
                == [])
        let set = try PipelineSet.load([folder("pipelines")], root: folder.path)
        #expect(
            set.settings.notify == [
                "ops": NotifyTarget(.command(["tell", "--x"])),
                "chat": NotifyTarget(.post("https://chat.example/hook?k=1"), timeout: .seconds(5)),
            ])
        let notify = try #require(set["digits"]?.notify)
        #expect(notify.published == ["chat"] && notify.rejected == [] && notify.quarantined == ["ops", "chat"])
        #expect(notify.waitingLong == ["ops"] && notify.waitingLongAfter == .seconds(600))
        #expect(try problems(Self.targets, "notify: { waiting_long: [ops] }") == [])
        #expect(try PipelineSet.load([folder("pipelines")], root: folder.path)["digits"]?.notify.waitingLongAfter == .seconds(3600))
    }

    /// Whom it tells changes nothing of what a pipeline means.
    @Test func itIsNoPartOfTheRevision() throws {
        let with = try read(base + "notify: { published: [chat] }\n"), without = try read(base)
        #expect(with.revision == without.revision && with != without)
    }

    @Test func aProgramWithARelativePathIsTakenFromTheRoot() throws {
        #expect(try problems("notify: { ops: { command: [bin/tell] } }") == [])
        #expect(RootFile.load(root: folder.path).settings.notify["ops"]?.way == .command([folder("bin/tell")]))
    }

    @Test(arguments: [
        (
            "notify: { ops: { command: \"tell me\" } }",
            """
            millrace.yaml:1:27: notify.ops.command: the text "tell me" stands where a list of words belongs; \
            write [PROGRAM, WORD, ...]: no shell reads it
            """
        ),
        ("notify: { ops: { command: [] } }", "millrace.yaml:1:27: notify.ops.command: there is no program; write [PROGRAM, WORD, ...]"),
        (
            "notify: { ops: {} }",
            "millrace.yaml:1:16: notify.ops: it neither has a command nor an address; add command: [WORD, ...] or post: URL"
        ),
        ("notify: { ops: { comand: [x] } }", "millrace.yaml:1:18: notify.ops.comand: there is no such key; did you mean `command`?"),
        (
            "notify: { ops: { command: [x], post: \"http://y\" } }",
            "millrace.yaml:1:38: notify.ops.post: there is a command too; keep one of them, and give the other a name of its own"
        ),
        (
            "notify: { ops: { post: \"file:///etc/passwd\" } }",
            """
            millrace.yaml:1:24: notify.ops.post: "file:///etc/passwd" is no address of the web; \
            write one that begins with http:// or https://
            """
        ),
        (
            "notify: { \"a b\": { command: [x] } }",
            "millrace.yaml:1:11: notify.a b: \"a b\" cannot name who is told; write letters, digits, - and _, at most 64"
        ),
        (
            "notify: [ops]",
            "millrace.yaml:1:9: notify: a list stands where a mapping belongs; write notify: { NAME: { command: [WORD, ...] } }"
        ),
    ])
    func mistakesInTheSettings(_ settings: String, _ problem: String) throws {
        #expect(try problems(settings) == [problem])
    }

    @Test(arguments: [
        (
            "notify: { quarantined: [opps] }",
            "5:24: notify.quarantined: ROOT/millrace.yaml names no \"opps\" in `notify`; did you mean `ops`?"
        ),
        (
            "notify: { quarantined: nobody }",
            "5:24: notify.quarantined: ROOT/millrace.yaml names no \"nobody\" in `notify`; it names chat, ops"
        ),
        (
            "notify: { quarantined: { command: [rm, -rf, /] } }",
            """
            5:24: notify.quarantined: commands and addresses do not stand in a pipeline; \
            give it a name in `notify` of ROOT/millrace.yaml, and write that name here
            """
        ),
        (
            "notify: { waiting_long: { post: \"http://x\" } }",
            """
            5:25: notify.waiting_long: commands and addresses do not stand in a pipeline; \
            give it a name in `notify` of ROOT/millrace.yaml, and write that name here
            """
        ),
        ("notify: { publised: [ops] }", "5:11: notify.publised: there is no such key; did you mean `published`?"),
        ("notify: { waiting_long: { after: 1h } }", "5:25: notify.waiting_long.tell: missing; name who is told: tell: [NAME]"),
    ])
    func mistakesInAPipeline(_ lines: String, _ problem: String) throws {
        #expect(try problems(Self.targets, lines) == ["pipelines/p.yaml:" + problem])
    }
}
