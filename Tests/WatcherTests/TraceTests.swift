import Arrivals
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Watcher

extension WithInotify {
    /// Every scenario of Traces, as data and for real.
    @Suite(.timeLimit(.minutes(5))) struct TraceTests {
        @Test(arguments: TraceScenario.all) func asData(_ scenario: TraceScenario) {
            var model = TraceModel()
            model.run(scenario)
        }

        @Test(arguments: TraceScenario.all) func heard(_ scenario: TraceScenario) async throws {
            try await TracePlayer(scenario, isPolled: false).play()
        }

        @Test(arguments: TraceScenario.all) func polled(_ scenario: TraceScenario) async throws {
            try await TracePlayer(scenario, isPolled: true).play()
        }
    }
}

/// Makes a scenario's system calls against a live watcher.
final class TracePlayer {
    private let scenario: TraceScenario
    private let isPolled: Bool
    private let live: LiveWatch
    private var opened: [String: CInt] = [:]
    private var seen = 0
    private var given = 0

    init(_ scenario: TraceScenario, isPolled: Bool) throws {
        self.scenario = scenario
        self.isPolled = isPolled
        live = try LiveWatch(watch: isPolled ? .poll : .inotify, starts: false)
    }

    func play() async throws {
        for statement in scenario.statements {
            if case .given(let name, let content) = statement {
                try write(TraceScenario.bytes(content, for: name), to: name)
                live.receive([
                    .complete(
                        CompleteFile(
                            place: SpoolPlace("s", name), stamp: FileStamp(path: path(name))!, format: nil, settledBy: .quiet,
                            companions: [],
                            endsWithNewline: nil, sequence: 0, settledIn: .zero))
                ])
                seen += 1
                given += 1
            }
        }
        live.start()
        try await live.until("the first scan") { $0.contains(.rescanned(spool: "s")) }
        for statement in scenario.statements { try await perform(statement) }
        for descriptor in opened.values { close(descriptor) }
        try await live.stop()
    }

    private func perform(_ statement: TraceScenario.Statement) async throws {
        switch statement {
        case .given: break
        case .create(let name): opened[name] = try check(open(path(name), O_CREAT | O_WRONLY | O_EXCL | O_APPEND | O_CLOEXEC, 0o644))
        case .open(let name): opened[name] = try check(open(path(name), O_WRONLY | O_APPEND | O_CLOEXEC))
        case .write(let name, let content):
            let bytes = TraceScenario.bytes(content, for: name)
            try check(CInt(Glibc.write(opened[name]!, bytes, bytes.count)))
        case .close(let name): try check(Glibc.close(opened.removeValue(forKey: name)!))
        case .rename(let from, let to): try check(Glibc.rename(path(from), path(to)))
        case .exchange(let a, let b):
            typealias Rename2 = @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, UInt32) -> CInt
            let rename2 = unsafeBitCast(try #require(dlsym(nil, "renameat2")), to: Rename2.self)
            try check(rename2(AT_FDCWD, path(a), AT_FDCWD, path(b), 2))
        case .link(let from, let to): try check(Glibc.link(path(from), path(to)))
        case .unlink(let name): try check(Glibc.unlink(path(name)))
        case .mkdir(let name): try check(Glibc.mkdir(path(name), 0o755))
        case .rmdir(let name): try check(Glibc.rmdir(path(name)))
        case .touch(let name):
            var times = [timeval(tv_sec: 1_577_836_800, tv_usec: 0), timeval(tv_sec: 1_577_836_800, tv_usec: 0)]
            try check(utimes(path(name), &times))
        case .pass(let duration):
            try await settle()
            live.advance(duration)
            try await settle()
        case .expect(let expected):
            guard !isPolled else { return }
            try await settle()
            let new = live.outcomes[seen...]
            seen = live.outcomes.count
            #expect(Set(new.map(\.description)) == expected)
        case .finally(let names):
            for _ in 0..<6 {
                live.advance(LiveWatch.quiet)
                try await settle()
            }
            var last: [String: FileStamp] = [:]
            for case .complete(let file) in live.events.dropFirst(given) where !file.place.path.hasPrefix("barrier") {
                last[file.place.path] = file.stamp
            }
            for name in names {
                let external = FileManager.default.fileExists(atPath: path(name + ".data")) ? [path(name + ".data")] : []
                #expect(last[name] == FileStamp(path: path(name), companions: external), "\(name) is not told in its last state")
            }
            #expect(Set(last.keys) == names, "told but not wanted")
        }
    }

    private func settle() async throws {
        if isPolled { try await live.scanBarrier() } else { try await live.barrier() }
    }

    private func path(_ name: String) -> String { live.spool + "/" + name }

    private func write(_ bytes: [UInt8], to name: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path(name))) }

    @discardableResult
    private func check(_ result: CInt) throws -> CInt {
        try #require(result >= 0, "\(String(cString: strerror(errno)))")
        return result
    }
}
