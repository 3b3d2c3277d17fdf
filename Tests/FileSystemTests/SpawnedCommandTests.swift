import FileSystem
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct SpawnedCommandTests {
    private func run(_ words: [String], input: String? = nil) throws -> (status: Int32?, said: String) {
        let command = try SpawnedCommand(words, input: input)
        var status: Int32?
        #expect(
            eventually {
                status = command.status()
                return status != nil
            })
        return (status, command.said(all: true))
    }

    @Test func bothOutputsAreHeard() throws {
        let (status, said) = try run(["sh", "-c", "echo one; echo two >&2; exit 7"])
        #expect(status == 7 && said == "one\ntwo\n")
    }

    /// More than a pipe holds goes in, and more than a pipe holds comes out.
    @Test func largeInputAndOutput() throws {
        let text = String(repeating: "0123456789", count: 100_000)
        let (status, said) = try run(["cat"], input: text)
        #expect(status == 0 && said == text)
        let command = try SpawnedCommand(["sh", "-c", "head -c 9000 /dev/zero | tr '\\0' x"])
        #expect(eventually { command.status() == 0 } && command.said() == String(repeating: "x", count: 4096))
    }

    @Test func withoutInputThereIsNothingToRead() throws {
        let (status, said) = try run(["sh", "-c", "read line || echo nothing"])
        #expect(status == 0 && said == "nothing\n")
    }

    @Test func aProgramThatIsNotThere() {
        #expect(throws: SpawnedCommand.SpawnError.self) { _ = try SpawnedCommand(["/no/such/program"]) }
    }

    /// What a command has started ends with it.
    @Test func theWholeGroupIsKilled() throws {
        let command = try SpawnedCommand(["sh", "-c", "sleep 1000 & echo $!; wait"])
        var child: pid_t = 0
        #expect(
            eventually {
                child = pid_t(command.said().trimmingCharacters(in: .newlines)) ?? 0
                return child > 0
            })
        command.kill()
        #expect(command.status() == 128 + SIGKILL)
        #expect(eventually { isGone(child) })
    }

    private func isGone(_ process: pid_t) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return text.contains(") Z ")
    }

    /// It has no file of this process's.
    @Test func nothingIsInherited() throws {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        let (_, said) = try run(["sh", "-c", "ls /proc/$$/fd"])
        #expect(said.split(separator: "\n") == ["0", "1", "2"], "\(said)")
    }
}
