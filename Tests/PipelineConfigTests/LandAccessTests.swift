import PipelineConfig
import Testing

/// `land.mode` and `land.group`.
@Suite struct LandAccessTests {
    private func text(_ access: String) -> String { base.replacing("outputs: out/rows }", with: "outputs: out/rows, \(access) }") }

    @Test(arguments: [("0640", 0o640), ("640", 0o640), ("\"0600\"", 0o600), ("0o664", 0o664), ("0644", 0o644)] as [(String, UInt16)])
    func modesAreReadAsChmodTakesThem(_ written: String, _ mode: UInt16) throws {
        #expect(try read(text("mode: \(written)")).land.access == LandAccess(mode: mode))
    }

    @Test func leftOutItIsTheOwnersAndTheGroups() throws {
        #expect(try read(base).land.access == LandAccess(mode: 0o640, group: nil))
    }

    @Test func groupsHaveNamesOrNumbers() throws {
        #expect(try read(text("group: root")).land.access.group == 0)
        #expect(try read(text("group: 4711")).land.access.group == 4711)
    }

    @Test(
        arguments: [
            (
                "mode: 0750",
                """
                p.yaml:4:54: land.mode: `0750` has bits that no published file needs; write the rights to read and write only, like 0640; \
                folders get the right to enter by themselves
                """
            ),
            (
                "mode: 4640",
                """
                p.yaml:4:54: land.mode: `4640` has bits that no published file needs; write the rights to read and write only, like 0640; \
                folders get the right to enter by themselves
                """
            ),
            (
                "mode: 0440",
                "p.yaml:4:54: land.mode: with `0440` the daemon could not read and replace what it published; give the owner 6, like 0640"
            ),
            ("mode: 0690", "p.yaml:4:54: land.mode: `0690` is not a mode; write three octal digits after a 0, as for chmod, like 0640"),
            ("mode: rw-r--", "p.yaml:4:54: land.mode: `rw-r--` is not a mode; write three octal digits after a 0, as for chmod, like 0640"),
            ("mode: 64", "p.yaml:4:54: land.mode: `64` is not a mode; write three octal digits after a 0, as for chmod, like 0640"),
            ("mode: [0640]", "p.yaml:4:54: land.mode: a list stands where a mode belongs; write one as for chmod, like 0640"),
            ("modes: 0640", "p.yaml:4:48: land.modes: there is no such key; did you mean `models`?"),
            (
                "group: no-such-group-here",
                """
                p.yaml:4:55: land.group: this machine has no group "no-such-group-here"; \
                make it with groupadd, or write one that `getent group` lists
                """
            ),
        ])
    func mistakesAreNamed(_ written: String, _ said: String) { #expect(problems(text(written)) == [said]) }

    /// No bytes of an output depend on it.
    @Test func itIsNoPartOfTheRevision() throws {
        #expect(try read(text("mode: 0600, group: 0")).revision == read(base).revision)
    }
}
