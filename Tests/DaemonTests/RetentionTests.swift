import Arrivals
import Foundation
import Landing
import Ledger
import LedgerSupport
import PipelineConfig
import Reasons
import SystemPackage
import TestSupport
import Testing

@testable import Daemon

/// What `retain` lets go, and what it never does.
@Suite struct RetentionTests {
    private let root: TemporaryDirectory
    private let ledger: RunLedger
    private let start = UTCTime.now

    init() throws {
        root = try TemporaryDirectory("retain")
        ledger = try RunLedger(stateDirectory: root(".millrace"))
        for folder in ["spool/models", "spool/data", "spool/labelled", "out/models", "out/data", "archive", "quarantine/p"] {
            try FileManager.default.createDirectory(atPath: root(folder), withIntermediateDirectories: true)
        }
    }

    private func pipeline(_ lines: String) throws -> Pipeline {
        try PipelineFile.read(
            Array(
                """
                name: p
                spool: { models: spool/models, data: spool/data, labelled: spool/labelled }
                schema: { label: y }
                stages: [ deserialize: {}, optimize: { gradient: { loss: mean_squared_error } }, forward: {} ]
                land: { models: out/models, outputs: out/data }
                \(lines)
                """.utf8), source: "p.yaml", root: root.path)
    }

    /// What goes after so many days, as `kind path` and the like; with `dry` nothing does.
    private func going(_ lines: String, days: Int = 0, dry: Bool = false) throws -> [String] {
        let now = start.advanced(by: .seconds(days * 86_400 + 5))
        let shares = try Retention(ledger: ledger, pipelines: [try pipeline(lines)], work: root(".millrace"), now: now).apply(dry: dry)
        return shares.map { "\($0.kind.rawValue) \($0.count): \($0.examples.joined(separator: "; "))" }
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root(path)) }

    private var inode: Int64 { Int64.random(in: 1...Int64.max) }

    @discardableResult
    private func arrive(_ path: String, _ role: ArrivalRole = .data, content: String = "c") throws -> Int64 {
        try ledger.arrive(
            [
                ArrivedFile(
                    SpoolPlace(pipeline: "p", role: role, path: path), digest: "sha-\(content)-\(path)",
                    stamp: FileStamp(device: 1, inode: inode, size: 9, changed: 9),
                    outputKey: role == .data ? path + ".out" : nil)
            ], at: start)[0].number
    }

    @discardableResult
    private func finish(_ arrival: Int64, output: String? = nil, _ outcome: RunClosing.Outcome = .done(verdict: nil)) throws -> Int64 {
        let run = try #require(try ledger.open([RunOpening(arrival: arrival, version: 1, revision: "r")], at: start)[0].run).number
        if let output {
            _ = try ledger.intend([Intention(run: run, output: OutputFile(root: root("out/data"), path: output, digest: "d", byteCount: 1))]
            )
        }
        try ledger.close([RunClosing(run: run, outcome: outcome)], at: start)
        return run
    }

    // MARK: Archive and quarantine

    @Test func archivedInputsGoByAge() throws {
        let lines = "after: archive\narchive: archive\nretain: { archive: 30d }"
        for name in ["a.csv", "sub/b.csv", "c.csv"] { try root.write("x", to: "archive/" + name) }
        #expect(try going(lines, days: 29) == [])
        #expect(try going(lines, days: 30, dry: true).first?.hasPrefix("archive 3: ") == true && exists("archive/a.csv"))
        // One is about to be done again, and is read from there.
        try arrive("c.csv")
        #expect(try going(lines, days: 30).first?.hasPrefix("archive 2: ") == true)
        #expect(!exists("archive/a.csv") && !exists("archive/sub") && exists("archive/c.csv") && exists("archive"))
    }

    @Test func orByBytesTheOldestFirst() throws {
        for name in ["a", "b", "c"] {
            try root.write(String(repeating: name, count: 100), to: "archive/\(name).csv")
            usleep(20_000)
        }
        #expect(try going("after: archive\narchive: archive\nretain: { archive: 250B }") == ["archive 1: a.csv"])
        #expect(try going("after: archive\narchive: archive\nretain: { archive: 250B }") == [])
        #expect(try going("after: archive\narchive: archive\nretain: { archive: 0B }") == ["archive 2: b.csv; c.csv"])
    }

    /// Without `retain` everything stays.
    @Test func nothingGoesUnasked() throws {
        try root.write("x", to: "archive/a.csv")
        try root.write("{}", to: "quarantine/p/a.csv.reason.json")
        try finish(try arrive("a.csv"))
        #expect(try going("after: archive\narchive: archive", days: 100_000) == [])
        #expect(exists("archive/a.csv") && exists("quarantine/p/a.csv.reason.json"))
    }

    @Test func reasonsStayForAsLongAsTheirInputStands() throws {
        let lines = "retain: { quarantine: 90d }"
        for name in ["here.csv", "gone.csv"] {
            try root.write("{}", to: "quarantine/p/\(name).reason.json")
            try finish(try arrive(name), .quarantined(Explanation(reason: "bad", rule: .dataInvalid)))
        }
        try root.write("x", to: "spool/data/here.csv")
        #expect(try going(lines, days: 89) == [])
        #expect(try going(lines, days: 90) == ["quarantine 1: gone.csv.reason.json"])
        #expect(exists("quarantine/p/here.csv.reason.json") && !exists("quarantine/p/gone.csv.reason.json"))
    }

    // MARK: History

    @Test func historyGoesWithItsFilesAndOutputs() throws {
        let lines = "retain: { history: 180d }"
        try root.write("x", to: "spool/data/standing.csv")
        try finish(try arrive("standing.csv"))
        try finish(try arrive("gone.csv"), output: "gone.parquet")
        try root.write("x", to: "out/data/served.parquet")
        try finish(try arrive("served.csv"), output: "served.parquet")
        try finish(try arrive("bad.csv"), .quarantined(Explanation(reason: "bad", rule: .dataInvalid)))
        let waiting = try arrive("waiting.csv")
        // Content that was replaced is no path's present.
        try arrive("again.csv", content: "1")
        try root.write("x", to: "spool/data/again.csv")
        try arrive("again.csv", content: "2")
        #expect(try going(lines, days: 179) == [])
        let before = try ledger.arrivals().count
        #expect(try going(lines, days: 180, dry: true).first?.hasPrefix("history 3: ") == true && ledger.arrivals().count == before)
        #expect(try going(lines, days: 180).first?.hasPrefix("history 3: ") == true)
        #expect(try Set(ledger.arrivals().map(\.path)) == ["standing.csv", "served.csv", "waiting.csv", "again.csv"])
        #expect(try ledger.arrival(waiting)?.state == .waiting)
        // The counts stay in step, and nothing of what went is left.
        let counts = try #require(try ledger.status(now: .now).first?.counts)
        #expect(counts.reduce(0) { $0 + $1.count } == 4)
        #expect(try ledger.runs(RunFilter(limit: 100)).map(\.path).sorted() == ["served.csv", "standing.csv"])
        #expect(try ledger.owner(root: root("out/data"), path: "gone.parquet") == nil)
        // A spool or an output folder that is away tells nothing of what is in it.
        try FileManager.default.moveItem(atPath: root("spool/data"), toPath: root("spool/away"))
        try FileManager.default.moveItem(atPath: root("out/data"), toPath: root("out/away"))
        #expect(try going(lines, days: 1000) == [])
    }

    @Test func versionsAndLabelsKeepTheirHistory() throws {
        let model = try arrive("m.onnx", .model)
        let run = try #require(try ledger.open([RunOpening(arrival: model, version: nil, revision: "r")], at: start)[0].run).number
        try ledger.write { (tx) throws(LedgerError) in
            _ = try tx.intendVersion(run: run, parent: nil)
            _ = try tx.publishVersion(run: run, modelDigest: "m", card: "1/card.json", parentDigest: nil, floatDigest: nil, at: start)
            try tx.close([RunClosing(run: run, outcome: .done(verdict: "published 1"))], at: start)
        }
        try finish(try arrive("l.csv", .labelled))
        #expect(try going("retain: { history: 180d }", days: 1000) == [])
        #expect(try ledger.versions(pipeline: "p").count == 1)
    }

    /// In worlds at random: what a file that stands, an output that stands, or work that is open needs is never forgotten, nor what was
    /// published last; all the rest is.
    @Test(arguments: 0..<20) func historyKeepsWhatIsNeededInAnyWorld(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        var needed: Set<Int64> = [], all: Set<Int64> = [], current: [String: Int64] = [:], standing: [String: Int64] = [:]
        var last: Int64?
        for step in 0..<60 {
            let name = "f\(Int.random(in: 0..<25, using: &random)).csv"
            if let open = current[name], needed.contains(open), try ledger.arrival(open)?.state == .running { continue }
            let number = try arrive(name, content: "\(step)")
            all.insert(number)
            current[name] = number
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let output = "\(name).parquet"
                let run = try #require(try ledger.open([RunOpening(arrival: number, version: 1, revision: "r")], at: start)[0].run).number
                _ = try ledger.intend([
                    Intention(run: run, output: OutputFile(root: root("out/data"), path: output, digest: "d\(step)", byteCount: 1))
                ])
                try ledger.close([RunClosing(run: run, outcome: .done(verdict: nil))], at: start)
                standing[name] = number
                last = number
            case 6: try finish(number, .quarantined(Explanation(reason: "bad", rule: .dataInvalid)))
            case 7: _ = try ledger.open([RunOpening(arrival: number, version: 1, revision: "r")], at: start)
            default: break
            }
        }
        for (name, number) in current {
            if chance(50) {
                try root.write("x", to: "spool/data/" + name)
                needed.insert(number)
            }
            if let state = try ledger.arrival(number)?.state, state == .waiting || state == .running { needed.insert(number) }
        }
        for (name, number) in standing where chance(50) {
            try root.write("x", to: "out/data/\(name).parquet")
            needed.insert(number)
        }
        if let last { needed.insert(last) }
        // What runs goes on, though there is newer content.
        for number in all where try ledger.arrival(number)?.state == .running { needed.insert(number) }
        _ = try going("retain: { history: 1d }", days: 2)
        let left = Set(try ledger.arrivals().map(\.number))
        #expect(left == needed, "seed \(seed): lost \(needed.subtracting(left).sorted()), kept \(left.subtracting(needed).sorted())")
        let counts = try #require(try ledger.status(now: .now).first?.counts)
        #expect(counts.reduce(0) { $0 + $1.count } == left.count)
    }

    /// A ledger that forgot what a manifest says last would be taken for an older copy, and all that was forgotten would come back.
    @Test func whatTheManifestSaysLastIsKept() throws {
        let line = ManifestLine(
            path: "a.parquet", outputDigest: "d", bytes: 1, rows: 1, pipeline: "p", input: "a.csv", inputDigest: "sha-c-a.csv",
            modelVersion: 1,
            modelDigest: nil, revision: "r", arrival: 1, run: 1, publishedAt: "\(start)")
        let text = try JSONEncoder().encode(line)
        try root.write(text + Data("\n".utf8), to: "out/data/_millrace/manifest-20270101-p.jsonl")
        // The runs ended in another order than they were opened in.
        for name in ["a", "b"] { try arrive(name + ".csv") }
        try finish(1, output: "a.parquet")
        try finish(2, output: "b.parquet")
        try arrive("c.csv")
        try finish(3, output: "c.parquet")
        #expect(try going("retain: { history: 1d }", days: 2).first?.hasPrefix("history 1: data b.csv") == true)
        #expect(try ledger.arrivals().map(\.path) == ["a.csv", "c.csv"])
        #expect(try !Restoration.isNeeded(for: pipeline(""), by: ledger))
    }

    /// What was in quarantine and is about to be done again is read from there.
    @Test func whatIsTriedAgainStaysInQuarantine() throws {
        for name in ["a.csv", "b.csv"] {
            try root.write("x", to: "quarantine/p/" + name)
            try finish(try arrive(name), .quarantined(Explanation(reason: "bad", rule: .dataInvalid)))
        }
        #expect(try ledger.write { (tx) throws(LedgerError) in try tx.retry(Selection(path: "a.csv")) }.affected.count == 1)
        #expect(try going("after: delete\nretain: { quarantine: 1d }", days: 2) == ["quarantine 1: b.csv"])
        #expect(exists("quarantine/p/a.csv"))
    }

    /// A model that waits to be done again needs its external data.
    @Test func archivedDataStaysWithItsModel() throws {
        for name in ["sub/m.onnx", "sub/m.onnx.data", "2/sub/m.onnx.data", "sub/other.bin"] { try root.write("x", to: "archive/" + name) }
        let stamp = FileStamp(device: 1, inode: 5, size: 9, changed: 9)
        _ = try ledger.arrive(
            [
                ArrivedFile(
                    SpoolPlace(pipeline: "p", role: .model, path: "sub/m.onnx"), digest: "m", stamp: stamp,
                    companions: [Companion(path: "m.onnx.data", digest: "w", stamp: stamp)])
            ],
            at: start)
        #expect(try going("after: archive\narchive: archive\nretain: { archive: 1d }", days: 2) == ["archive 1: sub/other.bin"])
    }

    // MARK: Labels

    @Test func labelsGoBetweenTrainingsOnly() throws {
        let kept = KeptFiles(work: FilePath(root(".millrace")), pipeline: "p")
        func labels(_ name: String) throws -> Int64 {
            let number = try arrive(name, .labelled)
            let path = kept.labels("sha-c-\(name)", named: name).string
            try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(repeating: 1, count: 100).write(to: URL(fileURLWithPath: path))
            return number
        }
        func stands(_ name: String) -> Bool { FileManager.default.fileExists(atPath: kept.labels("sha-c-\(name)", named: name).string) }
        for name in ["a.csv", "b.csv"] { try finish(try labels(name)) }
        let third = try labels("c.csv")
        // A training that is open learns from all three.
        let run = try #require(try ledger.open([RunOpening(arrival: third, version: 1, revision: "r")], at: start)[0].run).number
        try ledger.write { (tx) throws(LedgerError) in try tx.bindLabels(run: run, all: true, isReplay: false) }
        #expect(try ledger.labels(ofRun: run).count == 3)
        #expect(try going("retain: { labels: 150B }", days: 1) == [])
        try ledger.close([RunClosing(run: run, outcome: .done(verdict: nil))], at: start)
        #expect(try going("retain: { labels: 150B }", dry: true).count == 1 && stands("a.csv"))
        #expect(try going("retain: { labels: 150B }") == ["labels 2: a.csv, arrival 1; b.csv, arrival 2"])
        #expect(!stands("a.csv") && !stands("b.csv") && stands("c.csv"))
        #expect(try ledger.labelsLetGo(of: "p") == [1, 2])
        // The next training does not miss them.
        let fourth = try labels("d.csv")
        let next = try #require(try ledger.open([RunOpening(arrival: fourth, version: 1, revision: "r")], at: start)[0].run).number
        try ledger.write { (tx) throws(LedgerError) in try tx.bindLabels(run: next, all: true, isReplay: false) }
        #expect(try ledger.labels(ofRun: next).map(\.path) == ["c.csv", "d.csv"])
    }

    // MARK: Names

    @Test func aRenamedPipelineKeepsItsHistory() throws {
        try finish(try arrive("a.csv"))
        try ledger.write { (tx) throws(LedgerError) in try tx.append([NewEvent("x", pipeline: "q")], at: start) }
        try root.write("x", to: ".millrace/training/p/labels/l.csv")
        try root.write("{}", to: "quarantine/p/a.csv.reason.json")
        let renamed = try PipelineFile.read(
            Array(
                "name: q\nwas: p\nspool: { models: m, data: d }\nstages: [deserialize, forward]\nland: { models: om, outputs: od }\n".utf8),
            source: "q.yaml", root: root.path)
        #expect(try ledger.status(now: .now).map(\.pipeline) == ["p"])
        let done = try Renaming.apply([renamed], ledger: ledger, work: root(".millrace"), root: root.path)
        #expect(done.map(\.new) == ["q"])
        #expect(try ledger.status(now: .now).map(\.pipeline) == ["q"] && ledger.arrivals().map(\.pipeline) == ["q"])
        #expect(exists(".millrace/training/q/labels/l.csv") && exists("quarantine/q/a.csv.reason.json") && !exists("quarantine/p"))
        // Once only; and a name that has a history of its own takes over no other.
        #expect(try Renaming.apply([renamed], ledger: ledger, work: root(".millrace"), root: root.path).isEmpty)
        try arrive("late.csv")
        #expect(try Renaming.apply([renamed], ledger: ledger, work: root(".millrace"), root: root.path).isEmpty)
        #expect(try ledger.status(now: .now).map(\.pipeline) == ["p", "q"])
    }

    private func publishModel(_ path: String) throws -> Int {
        let model = try #require(try ledger.explain(path: path, pipeline: "p", now: start).first?.visits.first?.arrival.number)
        let run = try #require(try ledger.open([RunOpening(arrival: model, version: nil, revision: "r")], at: start)[0].run).number
        return try ledger.write { (tx) throws(LedgerError) in
            let version = try tx.intendVersion(run: run, parent: nil)
            _ = try tx.publishVersion(run: run, modelDigest: "m", card: "1/card.json", parentDigest: nil, floatDigest: nil, at: start)
            try tx.close([RunClosing(run: run, outcome: .done(verdict: "published \(version)"))], at: start)
            return version
        }
    }

    @Test func aClearedPipelineIsForgotten() throws {
        try finish(try arrive("a.csv"), output: "a.parquet")
        try arrive("b.csv")
        #expect(try ledger.write { (tx) throws(LedgerError) in try tx.clear(pipeline: "p") } == 2)
        #expect(try ledger.status(now: .now).isEmpty && ledger.arrivals().isEmpty && ledger.runs(RunFilter(limit: 10)).isEmpty)
        // Nor does a version stay pinned of which nothing is left.
        try arrive("m.onnx", .model)
        _ = try publishModel("m.onnx")
        #expect(
            try !ledger.write { (tx) throws(LedgerError) in try tx.apply(.pin(pipeline: "p", version: 1), by: "test", at: start) }.isRefused
        )
        _ = try ledger.write { (tx) throws(LedgerError) in try tx.clear(pipeline: "p") }
        #expect(try ledger.pinnedVersion(pipeline: "p") == nil)
        // What arrives under its name later is new.
        #expect(try arrive("a.csv") == 4)
        #expect(try ledger.status(now: .now).map(\.pipeline) == ["p"])
    }
}
