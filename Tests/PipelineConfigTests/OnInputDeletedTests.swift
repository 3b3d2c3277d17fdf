import PipelineConfig
import TestSupport
import Testing

@Suite struct OnInputDeletedTests {
    private func pipeline(_ lines: String) throws -> Pipeline {
        try PipelineFile.read(Array((base + lines + "\n").utf8), source: "p.yaml", root: "/root")
    }

    @Test func outputsStayUnlessItIsSaid() throws {
        #expect(try pipeline("").onInputDeleted == .keep)
        #expect(try pipeline("on_input_deleted: keep").onInputDeleted == .keep)
        #expect(try pipeline("on_input_deleted: remove").onInputDeleted == .remove)
        #expect(try pipeline("on_input_deleted: remove\nafter: keep").onInputDeleted == .remove)
        #expect(try pipeline("on_input_deleted: keep\nafter: delete").onInputDeleted == .keep)
    }

    /// It changes no byte of an output.
    @Test func itIsNoPartOfTheRevision() throws {
        #expect(try pipeline("on_input_deleted: remove").revision == pipeline("").revision)
    }

    @Test(arguments: [
        (
            "on_input_deleted: remove\nafter: delete",
            """
            5:19: on_input_deleted: with `after: archive` or `delete` inputs leave their spool when they are done, \
            so that nothing tells which were deleted; write `after: keep`, or remove it
            """
        ),
        (
            "after: archive\narchive: put\non_input_deleted: remove",
            """
            7:19: on_input_deleted: with `after: archive` or `delete` inputs leave their spool when they are done, \
            so that nothing tells which were deleted; write `after: keep`, or remove it
            """
        ),
        ("on_input_deleted: delete", "5:19: on_input_deleted: `delete` is none of keep, remove; write one of them"),
        ("on_input_delete: remove", "5:1: on_input_delete: there is no such key; did you mean `on_input_deleted`?"),
    ])
    func mistakes(_ lines: String, _ problem: String) {
        #expect(problems(base + lines + "\n") == ["p.yaml:" + problem])
    }

    /// Versions and labels have no input whose end is theirs.
    @Test func withoutDataThereIsNothingToRemove() {
        let yaml = """
            name: p
            spool: { models: m, labelled: l }
            schema: { label: y }
            stages: [ deserialize: {}, optimize: { gradient: { loss: cross_entropy } } ]
            land: { models: o }
            on_input_deleted: remove

            """
        #expect(
            problems(yaml) == [
                """
                p.yaml:6:19: on_input_deleted: no data arrives, so that there is no output to remove: versions and labels always stay; \
                remove it
                """
            ])
    }
}
