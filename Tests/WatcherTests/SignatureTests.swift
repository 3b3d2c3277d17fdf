import Arrivals
import Foundation
import Glibc
import Reasons
import Signatures
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// A file waits for its signature as a model waits for its external data. Whether it is a good one is not the watcher's to say.
    @Suite(.timeLimit(.minutes(5))) struct SignatureTests {
        private static let signature = [UInt8](repeating: 7, count: 64)

        private func move(_ bytes: [UInt8], to name: String, in live: LiveWatch) throws {
            try put(bytes, to: live.base("moved"))
            try #require(rename(live.base("moved"), live.spool + "/" + name) == 0)
        }

        private func watch(_ signatures: SpoolDirectory.Signatures = .required) throws -> LiveWatch {
            // What shows that the watch has heard all before needs no signature here: it is renamed with one beside it.
            try LiveWatch(include: ["*.npy", "*.csv"], signatures: signatures)
        }

        /// Returns when everything before has been heard and judged, as far as the time allows.
        private func settle(_ live: LiveWatch) async throws {
            try await live.until("the first scan") { $0.contains(.rescanned(spool: "s")) }
            let name = "heard-\(live.events.count).npy"
            try move(Self.signature, to: name + ".sig", in: live)
            try move(Fixtures.npy(), to: name, in: live)
            try await live.until(name) { complete($0).contains(name) }
        }

        private func found(_ live: LiveWatch) -> [CompleteFile] {
            live.events.compactMap { if case .complete(let file) = $0, !file.place.path.hasPrefix("heard-") { file } else { nil } }
        }

        @Test func aFileIsCompleteOnceItsSignatureIs() async throws {
            let live = try watch()
            try await settle(live)
            try move(Fixtures.npy(), to: "a.npy", in: live)
            try await settle(live)
            live.advance(LiveWatch.quiet)
            try await settle(live)
            #expect(found(live).isEmpty)
            #expect(await live.watcher.waiting().map(\.reason) == ["its signature a.npy.sig is not there"])
            // In part, and then whole.
            try put(Array(Self.signature.dropLast()), to: live.spool + "/a.npy.sig")
            try await settle(live)
            #expect(found(live).isEmpty)
            #expect(await live.watcher.waiting().first?.reason.contains("a.npy.sig does not count") == true)
            try put(Self.signature, to: live.spool + "/a.npy.sig")
            try await live.until("the file") { complete($0).contains("a.npy") }
            let stamp = FileStamp(path: live.spool + "/a.npy.sig")
            #expect(found(live).map(\.signature) == [stamp] && found(live).first?.stamp == FileStamp(path: live.spool + "/a.npy"))
            try await live.stop()
        }

        @Test func aSignatureMayComeFirst() async throws {
            let live = try watch()
            try await settle(live)
            try move(Self.signature, to: "sub-a.csv.sig", in: live)
            try move(Fixtures.csv, to: "sub-a.csv", in: live)
            try await live.until("the file") { complete($0).contains("sub-a.csv") }
            try await live.stop()
        }

        @Test func withoutASignatureAFileIsRefusedAndTakenUpWhenItComes() async throws {
            let live = try watch()
            try await settle(live)
            try move(Fixtures.npy(), to: "a.npy", in: live)
            try await settle(live)
            live.advance(LiveWatch.giveUp)
            live.advance(LiveWatch.giveUp)
            try await live.until("the refusal") { $0.contains { if case .truncated(let file) = $0 { file.isUnsigned } else { false } } }
            // The same file is not judged again.
            try await live.scanBarrier()
            live.advance(LiveWatch.giveUp)
            try await settle(live)
            #expect(live.events.count { if case .truncated = $0 { true } else { false } } == 1)
            try move(Self.signature, to: "a.npy.sig", in: live)
            live.advance(LiveWatch.quiet)
            try await settle(live)
            live.advance(LiveWatch.quiet)
            try await live.until("the file") { complete($0).contains("a.npy") }
            try await live.stop()
        }

        @Test func anotherSignatureIsToldOf() async throws {
            let live = try LiveWatch(include: ["*.npy"], signatures: .required, remembers: false)
            try await settle(live)
            try move(Self.signature, to: "a.npy.sig", in: live)
            try move(Fixtures.npy(), to: "a.npy", in: live)
            try await live.until("the file") { complete($0).contains("a.npy") }
            // The owner does not have it on record, as where the signature was wrong.
            try move(Self.signature.map { $0 + 1 }, to: "a.npy.sig", in: live)
            try await settle(live)
            live.advance(LiveWatch.quiet)
            try await live.until("the file again") { complete($0).filter { $0 == "a.npy" }.count == 2 }
            try await live.stop()
        }

        @Test(arguments: [SpoolDirectory.Signatures.ignored, .taken]) func whereNoneIsNeededAFileDoesNotWait(
            _ signatures: SpoolDirectory.Signatures
        ) async throws {
            let live = try watch(signatures)
            try await settle(live)
            try move(Fixtures.npy(), to: "a.npy", in: live)
            try await live.until("the file") { complete($0).contains("a.npy") }
            try move(Array("no signature".utf8), to: "b.npy.sig", in: live)
            try move(Fixtures.npy(), to: "b.npy", in: live)
            try await settle(live)
            live.advance(LiveWatch.quiet)
            try await settle(live)
            #expect(found(live).map(\.place.path) == (signatures == .ignored ? ["a.npy", "b.npy"] : ["a.npy"]))
            #expect(!live.events.contains { if case .unmatched = $0 { true } else { false } })
            try await live.stop()
        }

        @Test func aLinkIsNoSignature() async throws {
            let live = try watch()
            try await settle(live)
            try put(Self.signature, to: live.base("elsewhere.sig"))
            #expect(symlink(live.base("elsewhere.sig"), live.spool + "/a.npy.sig") == 0)
            try move(Fixtures.npy(), to: "a.npy", in: live)
            try await settle(live)
            #expect(await live.watcher.waiting().map(\.reason) == ["its signature a.npy.sig does not count: it is no plain file"])
            try await live.stop()
        }
    }
}

@Suite struct SignatureNameTests {
    @Test(arguments: ["m.onnx.sig", "sub/m.onnx.sig", "a.csv.gz.sig", "x.sig"]) func aSignatureIsNoArrival(_ name: String) {
        for include in [["*.onnx"], ["*.sig"], []] {
            guard case .ignored(.nameSignature, _) = NameFilter.decide(relativePath: name, include: include) else {
                Issue.record("\(include)")
                return
            }
        }
    }

    @Test func aFileThatWasRefusedIsKnownByAnotherStamp() {
        let file = FileStamp(device: 1, inode: 2, size: 3, changed: 1_800_000_000_000_000_000)
        let one = FileStamp(device: 1, inode: 3, size: 64, changed: 1_800_000_000_000_000_001)
        let other = FileStamp(device: 1, inode: 4, size: 64, changed: 1_800_000_000_000_000_002)
        #expect(Set([file, file.judged(with: nil), file.judged(with: one), file.judged(with: other)]).count == 4)
        #expect(file.judged(with: nil).size == 3 && file.judged(with: one).changed > 0)
    }
}
