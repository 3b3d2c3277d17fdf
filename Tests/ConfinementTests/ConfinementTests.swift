import Foundation
import Glibc
import TestSupport
import Testing

@testable import Confinement

/// A program that confines itself as a worker does cannot do what a hostile model would have it do. The same program does all of it where it
/// is not confined, so that no test passes because something else was in the way.
@Suite struct ConfinementTests {
    private static let isWhole = KernelOffer.here.missing.isEmpty

    /// What the program tried, and what became of it.
    private struct Tries {
        let words: [String: [String]]
        let status: Int32
        let directory: TemporaryDirectory

        subscript(_ name: String) -> [String] { words[name] ?? [] }
    }

    private static let outside = [
        "read", "list", "write", "create", "make-folder", "link", "rename", "cut", "remove", "mode", "owner", "times",
        "environment-of-parent",
    ]
    private static let others = ["socket", "connect", "pair", "start", "signal-parent"]

    @Test(.enabled(if: isWhole)) func whatAHostileModelWouldTryIsRefused() throws {
        let tries = try run(confined: true)
        for name in Self.outside + Self.others + ["exec", "write-allowed"] {
            #expect(tries[name].first == "refused", "\(name): \(tries[name])")
        }
        for name in ["list", "read", "create", "write", "write-allowed"] {
            #expect(tries[name].last == "\(EACCES)", "\(name): \(tries[name])")
        }
        for name in ["socket", "start", "exec", "signal-parent", "mode"] {
            #expect(tries[name].last == "\(EPERM)", "\(name): \(tries[name])")
        }
        #expect(tries["status"] == ["NoNewPrivs:", "1", "Seccomp:", "2"])
        // Nothing was done to the files.
        #expect(tries.directory.files().sorted() == ["inside/allowed", "outside/other", "outside/secret"])
    }

    @Test(.enabled(if: isWhole)) func whatComputingNeedsIsNot() throws {
        let tries = try run(confined: true)
        for name in ["read-allowed", "cpuinfo", "signal-itself", "own-limit", "thread"] {
            #expect(tries[name] == ["done"], "\(name): \(tries[name])")
        }
        #expect(tries.status == 0)
    }

    /// Descriptors that were inherited by mistake are closed: the program begins with two. What it keeps stays open, and one path of /proc
    /// for its rule.
    @Test(.enabled(if: isWhole)) func nothingIsInheritedByMistake() throws {
        #expect(try run(confined: true)["descriptors"] == ["2"])
        let free = try run(confined: false)["descriptors"]
        #expect(Int(free.first ?? "") ?? 0 >= 3, "\(free)")
    }

    @Test func aProcessThatIsNotConfinedDoesAllOfIt() throws {
        let tries = try run(confined: false)
        for name in Self.outside + Self.others { #expect(tries[name] == ["done"], "\(name): \(tries[name])") }
    }

    @Test func whatIsMissingIsNamed() {
        #expect(KernelOffer(landlock: 7, hasFilters: true).missing.isEmpty)
        #expect(KernelOffer(landlock: 3, hasFilters: true).missing.isEmpty)
        #expect(KernelOffer(landlock: 0, hasFilters: true).missing.map { $0.prefix(8) } == ["Landlock"])
        #expect(KernelOffer(landlock: 1, hasFilters: false).missing.map { $0.prefix(7) } == ["Landloc", "seccomp"])
    }

    /// This process has threads, which would not be confined.
    @Test func aProcessWithThreadsIsNotConfined() {
        #expect(throws: ConfinementError.self) { try Confinement(reading: [], keeping: []).apply() }
    }

    private func run(confined: Bool) throws -> Tries {
        let directory = try TemporaryDirectory("confinement")
        for (folder, name) in [("inside", "allowed"), ("outside", "secret"), ("outside", "other")] {
            try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
            try Data("secret".utf8).write(to: URL(fileURLWithPath: directory(folder + "/" + name)))
        }
        let listener = try Listener()
        let program = Process(), output = Pipe()
        program.executableURL = BuiltProgram.url("confined-probe")
        program.arguments = [
            confined ? "confined" : "free", directory("inside"), directory("outside/secret"), directory("outside"), "\(listener.port)",
        ]
        program.standardOutput = output
        try program.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        program.waitUntilExit()
        var words: [String: [String]] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ").map(String.init)
            words[parts[0], default: []] += parts.dropFirst()
        }
        return Tries(words: words, status: program.terminationStatus, directory: directory)
    }
}

/// Listens on a port of the loopback interface.
private final class Listener {
    private let socket: Int32
    let port: UInt16

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = socket
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, address, length) == 0 && listen(socket, 4) == 0 && getsockname(socket, address, &length) == 0
        }
        try #require(isBound)
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(socket) }
}
