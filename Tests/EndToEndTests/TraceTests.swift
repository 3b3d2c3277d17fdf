import Foundation
import TestSupport
import Testing

/// The order in which a whole process asks for syncs and renames, seen from outside by `strace`: what `LandingTests/DurabilityTests` says
/// of the module, and the ledger's commits between them.
@Suite(.serialized) struct TraceTests {
    @Test(.enabled(if: Trace.isPossible, "strace is not installed, or may not trace here: Scripts/test-tools installs it where it may"))
    func everythingIsOnTheDiskBeforeTheNextStepSaysSo() throws {
        let daemon = try DaemonProcess("trace")
        let root = daemon.root
        try root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 100ms }
            schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: { path: out/models }, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        try root.write([UInt8](repeating: 0, count: 1200), to: "spool/models/w.bin")
        try root.write(TinyModel.withLargeExternalData(location: "w.bin"), to: "spool/models/m.onnx")
        for name in ["a.csv", "sub/b.csv"] { try root.write("id,x\na,1\nb,2\n", to: "spool/data/" + name) }
        usleep(300_000)
        let trace = try Trace([DaemonProcess.binary.path, "run", "--once", root("pipelines/p.yaml"), "--root", root.path])
        try #require(trace.status == 0, "\(trace.said)")
        let log = root(".millrace/ledger.sqlite-wal")

        for name in ["a.csv", "sub/b.csv"] {
            let target = root("out/outputs/" + name)
            let named = try trace.first { $0.isRename(to: target) }
            let staged = trace.calls[named].paths[0]
            let written = try trace.last(before: named) { $0.writes(staged) }
            #expect(trace.has(written..<named) { $0.syncs(staged) || $0.name == "syncfs" }, "\(name) is renamed and not synced")
            #expect(trace.has(written..<named) { $0.syncs(log) }, "\(name) is renamed and the ledger may not know of it")
            let told = try trace.first(after: named) { $0.isWrite && $0.paths[0].contains("/_millrace/manifest-") }
            let folder = (target as NSString).deletingLastPathComponent
            #expect(trace.has(named..<told) { $0.syncs(folder) }, "the manifest tells of \(name), whose name is not synced")
        }
        let manifest = try trace.last(before: trace.calls.count) { $0.isWrite && $0.paths[0].contains("/_millrace/manifest-") }
        let synced = try trace.first(after: manifest) { $0.syncs(trace.calls[manifest].paths[0]) }
        let closed = try trace.first(after: manifest) { $0.writes(log) }
        #expect(synced < closed, "the ledger closes runs whose manifest is not synced")
        #expect(trace.has(closed..<trace.calls.count) { $0.syncs(log) }, "the closing commit is not synced")

        let version = try trace.first { $0.isRename(to: root("out/models/1")) }
        let directory = trace.calls[version].paths[0]
        let landed = try FileManager.default.contentsOfDirectory(atPath: root("out/models/1"))
        #expect(Set(landed).isSuperset(of: ["model.onnx", "card.json"]), "\(landed)")
        for file in landed.map({ directory + "/" + $0 }) {
            #expect(trace.has(0..<version) { $0.syncs(file) }, "\(file) is not synced before it is seen")
        }
        #expect(trace.has(0..<version) { $0.syncs(directory) })
        let active = try trace.first { $0.isRename(to: root("out/models/ACTIVE")) }
        let beside = try trace.first { $0.writes(trace.calls[active].paths[0]) }
        #expect(trace.has(version..<beside) { $0.syncs(root("out/models")) }, "ACTIVE is written and the version's name is not synced")
        #expect(trace.has(beside..<active) { $0.syncs(trace.calls[active].paths[0]) })
        #expect(trace.has(active..<trace.calls.count) { $0.syncs(root("out/models")) })
    }
}

/// The syncs, renames and writes of a process that ran to its end. A call stands where it was made, a sync where it returned.
struct Trace {
    struct Call {
        let name: String
        /// What it is about: of a call on a descriptor, the file that this was open on.
        let paths: [String]

        var isWrite: Bool { ["write", "pwrite64", "writev", "pwritev"].contains(name) && !paths.isEmpty }
        func writes(_ path: String) -> Bool { isWrite && paths[0] == path }
        func syncs(_ path: String) -> Bool { ["fsync", "fdatasync"].contains(name) && paths.first == path }
        func isRename(to path: String) -> Bool {
            (name.hasPrefix("rename") || name.hasPrefix("link")) && paths.count == 2 && paths[1] == path
        }
    }

    let calls: [Call]
    let status: Int32
    let said: String

    private static let traced = "fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,write,pwrite64,writev,pwritev"

    init(_ command: [String]) throws {
        let directory = try TemporaryDirectory("strace")
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["strace", "-f", "-y", "-s", "0", "-o", directory("trace"), "-e", "trace=" + Self.traced] + command
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        status = process.terminationStatus
        calls = Self.parse(String(decoding: try directory.read("trace"), as: UTF8.self))
    }

    static var isPossible: Bool { (try? Trace(["true"]))?.status == 0 }

    /// Lines like `7 fsync(5</a/b>) = 0`, `7 rename("/a", "/b") = 0`; where threads take turns `7 fsync(5</a/b> <unfinished ...>` and later
    /// `7 <... fsync resumed>) = 0`.
    private static func parse(_ text: String) -> [Call] {
        var calls: [Call] = [], unfinished: [Substring: Call] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard words.count == 2 else { continue }
            let (thread, rest) = (words[0], words[1].drop { $0 == " " })
            if rest.hasPrefix("<... ") {
                guard let call = unfinished.removeValue(forKey: thread), rest.hasSuffix(" = 0") else { continue }
                calls.append(call)
                continue
            }
            guard let open = rest.firstIndex(of: "("), rest.first?.isLetter == true else { continue }
            let call = Call(name: String(rest[..<open]), paths: paths(in: rest[open...]))
            let isSync = call.name.hasSuffix("sync") || call.name == "syncfs"
            if rest.hasSuffix("<unfinished ...>") {
                if isSync { unfinished[thread] = call } else { calls.append(call) }
            } else if !rest.contains(" = -1 ") {
                calls.append(call)
            }
        }
        return calls
    }

    /// The paths of descriptors, between angle brackets, or else those in quotation marks.
    private static func paths(in arguments: Substring) -> [String] {
        let quoted = arguments.matches(of: /"([^"]+)"/).map { String($0.1) }
        return quoted.isEmpty ? arguments.matches(of: /\d<([^>]+)>/).map { String($0.1) } : quoted
    }

    // MARK: Places in it

    func first(after start: Int = -1, _ isWanted: (Call) -> Bool) throws -> Int {
        let place = calls.indices.first { $0 > start && isWanted(calls[$0]) }
        return try #require(place, "\(calls.filter { !$0.isWrite })")
    }

    func last(before end: Int, _ isWanted: (Call) -> Bool) throws -> Int {
        let place = calls[..<end].lastIndex(where: isWanted)
        return try #require(place)
    }

    func has(_ range: Range<Int>, _ isWanted: (Call) -> Bool) -> Bool { calls[range].contains(where: isWanted) }
}
