import FileSystem
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A large file of which ranges are scored while it has no number. The gate is a file of labels that takes minutes to be read, and before
/// which the data gets no number: it is removed once the parts are there.
@Suite(.serialized) struct ScoringAheadTests {
    private static let rowCount = 200_000
    /// The number of ranges of the file.
    private static let rangeCount = 3
    private static let work = ".millrace/staging/work/"

    /// What `x` scores as in the output, by its text: a small file tells, which is scored in one go.
    private func outputs(_ daemon: DaemonProcess) throws -> (header: String, values: [String: String]) {
        try daemon.root.write("id,x,note\n" + (0..<100).map { "s\($0),\(100 + $0),n\n" }.joined(), to: "spool/data/small.csv")
        try #require(eventually(within: 60) { output("small.csv", daemon) != nil }, "\(daemon.logText)")
        let lines = try #require(output("small.csv", daemon)).split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        return (
            lines[0].joined(separator: ","), Dictionary(uniqueKeysWithValues: lines.dropFirst().enumerated().map { ("\(100 + $0)", $1[1]) })
        )
    }

    private func output(_ name: String, _ daemon: DaemonProcess) -> String? {
        (try? daemon.root.read("out/outputs/\(name)")).map { String(decoding: $0, as: UTF8.self) }
    }

    private func value(_ row: Int, _ addend: Int) -> String { "\(100 + (row + addend) % 100)" }

    private func drop(_ addend: Int, into daemon: DaemonProcess) throws {
        let note = String(repeating: "n", count: 190)
        try daemon.drop(
            Array(("id,x,note\n" + (0..<Self.rowCount).map { "r\(100_000 + $0),\(value($0, addend)),\(note)\n" }.joined()).utf8),
            at: "spool/data/a.csv")
    }

    private func expected(_ addend: Int, _ known: (header: String, values: [String: String])) -> String {
        known.header + "\n" + (0..<Self.rowCount).map { "r\(100_000 + $0),\(known.values[value($0, addend)]!)\n" }.joined()
    }

    /// A daemon with a version in force and the gate closed.
    private func world(_ label: String) throws -> DaemonProcess {
        let daemon = try DaemonProcess(label)
        try daemon.root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data, labelled: spool/labelled }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id], label: y, inputs: { x: { columns: x } } }
            stages: [ deserialize: {}, optimize: { gradient: { loss: mean_squared_error, optimizer: sgd } }, forward: {} ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            """, to: "pipelines/p.yaml")
        try daemon.drop(TinyModel.adding(2), at: "spool/models/m.onnx")
        try daemon.start(["--jobs", "2"])
        return daemon
    }

    /// Closes the gate: labels that take minutes to be read.
    private func close(_ daemon: DaemonProcess) throws {
        let hidden = daemon.root("spool/labelled/.gate")
        try FileManager.default.createDirectory(atPath: daemon.root("spool/labelled"), withIntermediateDirectories: true)
        try Data("id,x,y\n".utf8).write(to: URL(fileURLWithPath: hidden))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: hidden))
        try file.truncate(atOffset: 1 << 40)
        try file.seekToEnd()
        try file.write(contentsOf: Data("\n".utf8))
        try file.close()
        try #require(rename(hidden, daemon.root("spool/labelled/gate.csv")) == 0)
        try #require(
            eventually(within: 60) {
                let status = try? DaemonProcess.command(["status", "--root", daemon.root.path])
                return status?.output.contains("being read: gate.csv") == true
            }, "the labels are not being read; \(daemon.logText)")
    }

    private func open(_ daemon: DaemonProcess) throws { try FileManager.default.removeItem(atPath: daemon.root("spool/labelled/gate.csv")) }

    /// The parts of files without a run, or of runs.
    private func parts(_ daemon: DaemonProcess, of isMeant: (String) -> Bool) -> [String] {
        let work = daemon.root(Self.work)
        let folders = ((try? FileManager.default.contentsOfDirectory(atPath: work)) ?? []).filter(isMeant)
        return folders.flatMap { folder in
            ((try? FileManager.default.contentsOfDirectory(atPath: work + folder)) ?? []).filter { $0.hasSuffix(".part") }
                .map { folder + "/" + $0 }
        }.sorted()
    }

    private func ahead(_ daemon: DaemonProcess) -> [String] { parts(daemon) { $0.hasPrefix("ahead-") } }

    /// The daemon is killed when the run has the parts. That they are what lands shows where two of them change places meanwhile.
    @Test(arguments: [false, true]) func whatWasScoredAheadLands(changesPlaces: Bool) throws {
        let daemon = try world("ahead-lands")
        let known = try outputs(daemon)
        #expect(daemon.stop() == 0)
        let mark = daemon.root("mark")
        daemon.environment["MILLRACE_FAULT"] = "ahead.taken:1:\(mark)"
        try daemon.start(["--jobs", "2"])
        try close(daemon)
        try drop(0, into: daemon)
        #expect(eventually(within: 60) { ahead(daemon).count == Self.rangeCount }, "\(ahead(daemon)) \(daemon.logText)")
        #expect(output("a.csv", daemon) == nil)
        try open(daemon)
        try #require(eventually(within: 60) { FileManager.default.fileExists(atPath: mark) }, "\(daemon.logText)")
        daemon.process?.waitUntilExit()
        let taken = parts(daemon) { $0.hasSuffix("-parts") }
        #expect(taken.count == Self.rangeCount && ahead(daemon).isEmpty)
        let places = taken.filter { $0.hasSuffix("/0.part") || $0.hasSuffix("/1.part") }.map { daemon.root(Self.work + $0) }
        if changesPlaces {
            try #require(places.count == 2)
            let others = [places[0] + ".other", places[0], places[1]]
            #expect(rename(places[0], others[0]) == 0 && rename(places[1], places[0]) == 0 && rename(others[0], places[1]) == 0)
        }
        try daemon.start(["--jobs", "2"])
        #expect(eventually(within: 60) { output("a.csv", daemon) != nil }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let found = try #require(output("a.csv", daemon))
        if changesPlaces {
            let rows = found.split(separator: "\n").dropFirst()
            #expect(rows.count == Self.rowCount && !rows.first!.hasPrefix("r100000,"), "the parts were not used")
            #expect(rows.sorted() == expected(0, known).split(separator: "\n").dropFirst().sorted())
        } else {
            #expect(found == expected(0, known))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.root(Self.work)).isEmpty)
    }

    /// Other content comes while the first is being read: nothing that was scored of the first one lands.
    @Test func aFileThatIsReplacedMeanwhile() throws {
        let daemon = try world("ahead-replaced")
        let known = try outputs(daemon)
        try close(daemon)
        try drop(0, into: daemon)
        #expect(eventually(within: 60) { ahead(daemon).count == Self.rangeCount }, "\(daemon.logText)")
        let first = ahead(daemon)
        try drop(1, into: daemon)
        #expect(
            eventually(within: 60) { ahead(daemon).count == Self.rangeCount && ahead(daemon) != first },
            "\(first) \(ahead(daemon)) \(daemon.logText)")
        try open(daemon)
        #expect(eventually(within: 60) { output("a.csv", daemon) != nil }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(output("a.csv", daemon) == expected(1, known))
        #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.root(Self.work)).isEmpty)
    }

    /// A daemon that stops removes the parts, and the one after a kill does.
    @Test func noPartsStayBehind() throws {
        let daemon = try world("ahead-left")
        let known = try outputs(daemon)
        try close(daemon)
        try drop(0, into: daemon)
        #expect(eventually(within: 60) { ahead(daemon).count == Self.rangeCount }, "\(daemon.logText)")
        daemon.kill()
        #expect(ahead(daemon).count == Self.rangeCount)
        try daemon.start(["--jobs", "2"])
        // By then those of the daemon that was killed are gone.
        #expect(eventually(within: 60) { daemon.logText.split(separator: "\n").count { $0.contains(" running ") } == 2 })
        #expect(eventually(within: 60) { ahead(daemon).count == Self.rangeCount }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.root(Self.work)).isEmpty)
        try open(daemon)
        try daemon.start(["--jobs", "2"])
        #expect(eventually(within: 60) { output("a.csv", daemon) == expected(0, known) }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
    }
}
