import Foundation
import Landing
import Ledger
import SystemPackage
import TestSupport

struct Unmet: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A root with one pipeline `p`, the daemon over it, and what a scenario has dropped there.
final class RealWorld {
    let daemon: DaemonProcess
    private var root: TemporaryDirectory { daemon.root }
    /// What stands in the spool as far as the scenario knows.
    private var dropped: [String: (role: Scenario.Role, digest: String)] = [:]
    private var isRunning = false
    private var isPaused = false

    init(_ scenario: Scenario) throws {
        daemon = try DaemonProcess("scenario")
        var settings = ""
        for case .with(let key, let value) in scenario.lines.map(\.statement) { settings += "\(key): \(value)\narchive: archive\n" }
        try root.write(
            """
            name: p
            spool: { models: spool/models, data: spool/data }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            \(settings)
            """, to: "pipelines/p.yaml")
        try start()
    }

    func perform(_ statement: Scenario.Statement) throws {
        switch statement {
        case .with: break
        case .drop(let role, let name, let content): try drop(role, name, content)
        case .plant(let output): try root.write("planted", to: "out/outputs/\(output).csv")
        case .settle: try settle()
        case .start: try start()
        case .stop:
            isRunning = false
            guard daemon.stop() == 0 else { throw Unmet("the daemon did not stop with 0") }
        case .kill:
            isRunning = false
            daemon.kill()
        case .pause: isPaused = true; try command("pause", "p")
        case .resume: isPaused = false; try command("resume", "p")
        case .activate(let version): try command("activate", "p", "\(version)")
        case .retry(let name): try command("retry", root(path(name)))
        case .replay(let name): try command("replay", root(path(name)))
        default: try expect(statement)
        }
    }

    private func path(_ name: String) -> String { "spool/\(dropped[name]?.role == .model ? "models" : "data")/\(name)" }

    private func start() throws {
        try daemon.start()
        isRunning = true
        guard eventually({ FileManager.default.fileExists(atPath: root(".millrace/ledger.sqlite")) && daemon.logText.contains("running") })
        else { throw Unmet("the daemon does not start") }
    }

    private func command(_ words: String...) throws {
        let result = try DaemonProcess.command(words + ["--root", root.path, "--pipelines", root("pipelines/p.yaml")])
        guard result.status == 0 else { throw Unmet("`\(words.joined(separator: " "))` said \(result.error)") }
    }

    private func drop(_ role: Scenario.Role, _ name: String, _ content: String) throws {
        var bytes = role == .model ? Self.model(content) : Array(Self.rows(content).utf8)
        if name.hasSuffix(".gz") { bytes = try gzip(bytes) }
        dropped[name] = (role, FileDigest.of(bytes: bytes))
        try daemon.drop(bytes, at: path(name))
        // In the order of the scenario: numbered before the next is dropped.
        if isRunning, try !eventually({ try isNumbered(name) }) { throw Unmet("\(name) is never numbered") }
    }

    private func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let plain = try root.write(bytes, to: "scratch/plain")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-nf", plain]
        try process.run()
        process.waitUntilExit()
        return try root.read("scratch/plain.gz")
    }

    // MARK: Contents

    private static func model(_ content: String) -> [UInt8] {
        if content.hasPrefix("plus") { return TinyModel.adding(Float(content.dropFirst(4))!) }
        return content == "misfit" ? TinyModel.adding(1, input: "other") : TinyModel.unknownOperator()
    }

    private static func values(_ content: String) -> [(id: String, x: Float)] {
        let n = Int(content.dropFirst(4)) ?? 0
        return (0..<3).map { ("r\(n)-\($0)", Float(n) + Float($0) * 0.5) }
    }

    private static func rows(_ content: String) -> String {
        content == "bad" ? "id,x\nr,word\n" : "id,x\n" + values(content).map { "\($0.id),\($0.x)\n" }.joined()
    }

    // MARK: The ledger

    private func visit(_ name: String) throws -> FileExplanation? {
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        return try ledger.explain(path: name, pipeline: "p", now: .now).first
    }

    private func isNumbered(_ name: String) throws -> Bool { try visit(name)?.visits.first?.arrival.digest == dropped[name]?.digest }

    /// Everything that stands in the spool is numbered, and is decided or waits for something that only the scenario can do.
    private func settle() throws {
        var last = "nothing"
        let isSettled = try eventually {
            // Models first: once they are decided, data that waits for a first one really does.
            for name in dropped.keys.sorted(by: { (dropped[$0]!.role == .data ? 1 : 0, $0) < (dropped[$1]!.role == .data ? 1 : 0, $1) }) {
                guard let found = try visit(name), let arrival = found.visits.first?.arrival, arrival.digest == dropped[name]?.digest else {
                    last = "\(name) is not numbered"
                    return false
                }
                switch arrival.state {
                case .done, .rejected, .quarantined, .ignored: continue
                case .waiting where isPaused || found.wait == .forFirstModel: continue
                default:
                    last = "\(name) is \(arrival.state), \(String(describing: found.wait))"
                    return false
                }
            }
            return true
        }
        guard isSettled else { throw Unmet("it does not settle: \(last)") }
    }

    // MARK: What must hold

    private func expect(_ statement: Scenario.Statement) throws {
        func check(_ condition: Bool, _ found: @autoclosure () -> String) throws { if !condition { throw Unmet("found \(found())") } }
        let outputs = root("out/outputs/")
        switch statement {
        case .expectState(let name, let state, let version):
            let newest = try visit(name)?.visits.first
            try check(newest?.arrival.state.rawValue == state.rawValue, "\(String(describing: newest?.arrival.state))")
            if let version { try check(newest?.runs.first?.run.version == version, "\(String(describing: newest?.runs.first?.run.version))") }
        case .expectOutput(let output, let content, let version):
            let text = (try? String(contentsOfFile: outputs + output + ".csv", encoding: .utf8)) ?? ""
            let addend = try addend(ofVersion: version)
            let expected = Self.values(content).map { ($0.id, $0.x + addend) }
            let found = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
            let agrees = found.count == expected.count && zip(found, expected).allSatisfy { String($0[0]) == $1.0 && Float($0[1]) == $1.1 }
            try check(agrees, text)
        case .expectNoOutput(let output): try check(!FileManager.default.fileExists(atPath: outputs + output + ".csv"), "one")
        case .expectPlanted(let output): try check(try root.read("out/outputs/\(output).csv") == Array("planted".utf8), "another")
        case .expectInput(let name, let isThere):
            let agrees = eventually(within: 10) { FileManager.default.fileExists(atPath: root(path(name))) == isThere }
            try check(agrees, isThere ? "nothing" : "it still there")
        case .expectVersions(let versions):
            let found = try FileManager.default.contentsOfDirectory(atPath: root("out/models")).compactMap { Int($0) }.sorted()
            try check(found == versions, "\(found)")
        case .expectActive(let version):
            let found = String(decoding: try root.read("out/models/ACTIVE"), as: UTF8.self)
            try check(found == "\(version)\n", found)
        case .expectRuns(let name, let count):
            let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
            let runs = try ledger.runs(RunFilter(pipeline: "p", path: name)).filter { $0.state != .abandoned }
            try check(runs.count == count, "\(runs.count)")
        case .expectOrder(let first, let second):
            let numbers = try [first, second].map { try visit($0)?.visits.first?.arrival.number ?? 0 }
            try check(numbers[0] < numbers[1], "\(numbers)")
        default: throw Unmet("not an expectation")
        }
    }

    /// From the card: which arrival became that version, and so what it adds.
    private func addend(ofVersion version: Int) throws -> Float {
        let card = try JSONDecoder().decode(Card.self, from: Data(try root.read("out/models/\(version)/card.json")))
        guard let addend = (1...9).first(where: { FileDigest.of(bytes: Self.model("plus\($0)")) == card.arrivalDigest }) else {
            throw Unmet("version \(version) is of no model of this scenario")
        }
        return Float(addend)
    }
}
