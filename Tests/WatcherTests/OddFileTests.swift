import Arrivals
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// Names that are no files, models whose data lies elsewhere, and files that are still being written.
    @Suite(.timeLimit(.minutes(5))) struct OddFileTests {
        @Test(arguments: [false, true]) func specialFilesAreRefusedByRule(_ isHeard: Bool) async throws {
            let make: (String) throws -> Void = { spool in
                try put(to: spool + "/real.csv")
                #expect(mkfifo(spool + "/fifo.csv", 0o644) == 0)
                #expect(symlink("nowhere", spool + "/dangling.csv") == 0)
                #expect(symlink("/etc/hostname", spool + "/outward.csv") == 0)
                #expect(symlink("real.csv", spool + "/inside.csv") == 0)
                #expect(symlink(".", spool + "/loop.csv") == 0)
                try put(to: spool + "/line\nbreak.csv")
                let bytes: [CChar] =
                    Array(spool.utf8CString.dropLast()) + "/bad".utf8CString.dropLast() + [CChar(bitPattern: 0xFF)] + ".csv".utf8CString
                let descriptor = open(bytes, O_CREAT | O_WRONLY, 0o644)
                #expect(descriptor >= 0)
                close(descriptor)
                if geteuid() == 0 { #expect(mknod(spool + "/device.csv", S_IFCHR | 0o644, 0x0103) == 0) }
            }
            let live = try LiveWatch(prepare: isHeard ? { _ in } : make)
            try await live.barrier()
            if isHeard { try make(live.spool) }
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            var expected: Set<String> = [
                "refused fifo.csv special.fifo", "refused dangling.csv link.dangling", "refused outward.csv link.outward",
                "refused line\nbreak.csv name.control", "refused bad\u{FFFD}.csv name.encoding",
            ]
            if geteuid() == 0 { expected.insert("refused device.csv special.device") }
            let refused = live.outcomes.map(\.description).filter { $0.hasPrefix("refused") }
            #expect(Set(refused) == expected)
            #expect(refused.count == expected.count, "each once")
            #expect(Set(complete(live.events)) == ["real.csv", "inside.csv"])
            live.watcher.rescan()
            try await live.barrier()
            #expect(live.outcomes.count { $0.description.hasPrefix("refused") } == expected.count, "a scan does not refuse again")
            try await live.stop()
        }

        @Test func unsafeExternalDataIsRefused() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try put(TinyModel.withExternalData(location: "../w.bin"), to: live.base("m"))
            #expect(rename(live.base("m"), live.spool + "/m.onnx") == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(live.outcomes == [Outcome("refused m.onnx model.external-data.outside")])
            try await live.stop()
        }

        @Test func dataReplacedUnderADeliveredModelTellsTheModelAgain() async throws {
            let live = try LiveWatch()
            try await live.barrier()
            try put([UInt8](repeating: 1, count: 64), to: live.spool + "/f.onnx.data")
            try put(TinyModel.withExternalData(location: "f.onnx.data", length: 64), to: live.base("m"))
            #expect(rename(live.base("m"), live.spool + "/f.onnx") == 0)
            try await live.barrier()
            #expect(complete(live.events) == ["f.onnx"])
            try put([UInt8](repeating: 2, count: 64), to: live.base("d"))
            #expect(rename(live.base("d"), live.spool + "/f.onnx.data") == 0)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events) == ["f.onnx", "f.onnx"])
            guard
                case .complete(let file)? = live.events.last(where: {
                    if case .complete(let file) = $0 { file.place.path == "f.onnx" } else { false }
                })
            else { Issue.record("it is not .complete"); return }
            #expect(file.companions == ["f.onnx.data"])
            #expect(file.stamp == FileStamp(path: live.spool + "/f.onnx", companions: [live.spool + "/f.onnx.data"]))
            live.watcher.rescan()
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events).count == 2, "a scan knows the model with its data")
            try await live.stop()
        }

        @Test func aFileHeldOpenForWritingIsNotTaken() async throws {
            let live = try LiveWatch(starts: false) { try put(to: $0 + "/a.csv") }
            let descriptor = open(live.spool + "/a.csv", O_WRONLY | O_APPEND)
            live.start()
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events).isEmpty)
            #expect(await live.watcher.waiting().map(\.reason) == ["open for writing by another process"])
            close(descriptor)
            try await live.barrier()
            live.advance(LiveWatch.quiet)
            try await live.barrier()
            #expect(complete(live.events) == ["a.csv"])
            try await live.stop()
        }
    }
}
