import Arrivals
import FileSystem
import Foundation
import Landing
import Ledger
import SystemPackage
import TestSupport

struct Unmet: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A root with one pipeline `p`, or two, the daemon over it, and what a scenario has dropped there.
final class RealWorld {
    let daemon: DaemonProcess
    private var root: TemporaryDirectory { daemon.root }
    /// What stands in the spool as far as the scenario knows.
    private var dropped: [String: (role: Scenario.Role, digest: String)] = [:]
    /// What is being written into files: the open file and the rest of the content.
    private var beingWritten: [String: (file: FileHandle, rest: Data)] = [:]
    private var isRunning = false
    private var isPaused = false
    private let hasAdapters: Bool
    private let jobs: Int?
    private let removesOutputs: Bool
    /// What was deleted from the data spool and not dropped again.
    private var deleted: Set<String> = []
    /// The number of the arrival that each deleted file had. Where its output went too, the same content dropped again gets another number;
    /// where outputs stay it is known.
    private var deletedNumbers: [String: Int64] = [:]

    init(_ scenario: Scenario) throws {
        daemon = try DaemonProcess("scenario")
        hasAdapters = scenario.hasAdapters
        jobs = scenario.jobs
        removesOutputs = scenario.removesOutputs
        for (name, text) in scenario.pipelines { try root.write(text, to: "pipelines/\(name).yaml") }
        try start()
    }

    func perform(_ statement: Scenario.Statement) throws {
        switch statement {
        case .with: break
        case .drop(let role, let name, let content): try drop(role, name, content)
        case .delete(let name):
            if removesOutputs, dropped[name]?.role == .data { deletedNumbers[name] = try visit(name)?.visits.first?.arrival.number }
            try FileManager.default.removeItem(atPath: root(path(name)))
            if dropped.removeValue(forKey: name)?.role == .data { deleted.insert(name) }
        case .plant(let output): try root.write("planted", to: "out/outputs/\(output).csv")
        case .begin(let name, let content): try begin(name, content)
        case .finish(let name): try finish(name)
        case .settle: try settle()
        case .await(let name):
            guard try eventually({ try numbered(name)?.visits.first?.arrival.state == .done }) else { throw Unmet("\(name) is not done") }
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
        case .pin(let version): try command("activate", "p", "\(version)", "--pin")
        case .unpin: try command("activate", "p", "--unpin")
        case .retry(let name): try command("retry", root(path(name)))
        case .replay(let name): try command("replay", root(path(name)))
        default: try expect(statement)
        }
    }

    private func path(_ name: String) -> String {
        let folder =
            switch dropped[name]?.role {
            case .model: "models"
            case .labelled: "labelled"
            case .data, nil: "data"
            }
        let place = Scenario.Place(name)
        return "\(place.folder)spool/\(folder)/\(place.name)"
    }

    private func start() throws {
        let before = daemon.logText.count
        try daemon.start(jobs.map { ["--jobs", "\($0)"] } ?? [])
        isRunning = true
        guard
            eventually({
                FileManager.default.fileExists(atPath: root(".millrace/ledger.sqlite"))
                    && daemon.logText.dropFirst(before).contains("running")
            })
        else { throw Unmet("the daemon does not start") }
    }

    private func command(_ words: String...) throws {
        let result = try DaemonProcess.command(words + ["--root", root.path, "--pipelines", root("pipelines/p.yaml")])
        guard result.status == 0 else { throw Unmet("`\(words.joined(separator: " "))` said \(result.error)") }
    }

    private func drop(_ role: Scenario.Role, _ name: String, _ content: String) throws {
        var bytes =
            switch role {
            case .model: hasAdapters ? TinyModel.addingProduct(Float(content.dropFirst(4))!) : Self.model(content)
            case .labelled: Array(Self.labels(content).utf8)
            case .data: Array(Self.rows(content).utf8)
            }
        if name.hasSuffix(".gz") { bytes = try gzip(bytes) }
        dropped[name] = (role, FileDigest.of(bytes: bytes))
        deleted.remove(name)
        try daemon.drop(bytes, at: path(name))
        // In the order of the scenario: numbered before the next is dropped.
        if isRunning, try !eventually({ try isNumbered(name) }) { throw Unmet("\(name) is never numbered") }
    }

    /// As `cp`, `scp` and `rsync --inplace` write over a file.
    private func begin(_ name: String, _ content: String) throws {
        let bytes = Data(Self.rows(content).utf8)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: root(path(name))))
        try file.truncate(atOffset: 0)
        let half = (bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")) ?? 0) + 1
        try file.write(contentsOf: bytes[..<half])
        beingWritten[name] = (file, bytes[half...])
    }

    private func finish(_ name: String) throws {
        guard let (file, rest) = beingWritten.removeValue(forKey: name) else { throw Unmet("nobody writes to \(name)") }
        try file.write(contentsOf: rest)
        try file.close()
        dropped[name] = (.data, FileDigest.of(bytes: try root.read(path(name))))
        if try !eventually({ try isNumbered(name) }) { throw Unmet("\(name) is never numbered") }
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
        return (0..<(content.hasPrefix("many") ? 100_000 : 3)).map { ("r\(n)-\($0)", Float(n) + Float($0) * 0.5) }
    }

    private static func rows(_ content: String) -> String {
        content == "bad" ? "id,x\nr,word\n" : "id,x\n" + values(content).map { "\($0.id),\($0.x)\n" }.joined()
    }

    /// Two hundred rows, of `few` twenty with keys of their own. What is right is x + N; of `outliers` x + 1, but for a few whose mean
    /// training would follow.
    private static func labels(_ content: String) -> String {
        if content == "badlabels" { return "id,x,y\nl0,1,2\nl1,1,word\n" }
        if content.hasPrefix("few") {
            let addend = Double(content.dropFirst(3).prefix(1))!
            return "id,x,y\n" + (0..<20).map { "\(content)-\($0),\($0),\(Double($0) + addend)\n" }.joined()
        }
        let addend = content == "outliers" ? 1 : Int(content.dropFirst(6)) ?? 0
        let rows = (0..<200).map { row in
            let x = Double(row) * 0.5
            return "l\(row),\(x),\(content == "outliers" && row % 8 == 0 ? 1000 : x + Double(addend))\n"
        }
        return "id,x,y\n" + rows.joined()
    }

    // MARK: The ledger

    private func visit(_ name: String) throws -> FileExplanation? {
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        let place = Scenario.Place(name)
        return try ledger.explain(path: place.name, pipeline: place.pipeline, now: .now).first
    }

    private func isNumbered(_ name: String) throws -> Bool { try numbered(name) != nil }

    /// Returns what the ledger knows of the content that was dropped last; nil where that is not numbered yet.
    private func numbered(_ name: String) throws -> FileExplanation? {
        guard let found = try visit(name), let arrival = found.visits.first?.arrival, arrival.digest == dropped[name]?.digest else {
            return nil
        }
        return arrival.number > deletedNumbers[name] ?? 0 ? found : nil
    }

    /// Everything that stands in the spool is numbered, and is decided or waits for something that only the scenario can do.
    private func settle() throws {
        var last = "nothing"
        // A deletion counts after the quiet time; where outputs stay nothing comes of it, however long one waits.
        if !deleted.isEmpty, !removesOutputs { usleep(500_000) }
        let isSettled = try eventually {
            // Models first: once they are decided, data that waits for a first one really does.
            for name in dropped.keys.sorted(by: { (dropped[$0]!.role == .data ? 1 : 0, $0) < (dropped[$1]!.role == .data ? 1 : 0, $1) }) {
                guard let found = try numbered(name), let arrival = found.visits.first?.arrival else {
                    last = "\(name) is not numbered"
                    return false
                }
                switch arrival.state {
                case .done, .rejected, .quarantined, .ignored: continue
                case .waiting where isPaused || found.wait == .forFirstModel: continue
                case .waiting where found.wait == .forFileToSettle && beingWritten[name] != nil: continue
                default:
                    last = "\(name) is \(arrival.state), \(String(describing: found.wait))"
                    return false
                }
            }
            for name in deleted where removesOutputs {
                let state = try visit(name)?.visits.first?.arrival.state
                if state != .ignored && state != .quarantined {
                    last = "\(name) is deleted, and \(String(describing: state))"
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
        func output(_ name: String) -> String {
            let place = Scenario.Place(name)
            return root("\(place.folder)out/outputs/\(place.name).csv")
        }
        switch statement {
        case .expectState(let name, let state, let version):
            let newest = try visit(name)?.visits.first
            try check(newest?.arrival.state.rawValue == state.rawValue, "\(String(describing: newest?.arrival.state))")
            if let version {
                try check(newest?.runs.first?.run.version == version, "\(String(describing: newest?.runs.first?.run.version))")
            }
        case .expectOutput(let name, let content, let version):
            let text = (try? String(contentsOfFile: output(name), encoding: .utf8)) ?? ""
            let addend = try addend(ofVersion: version)
            let expected = Self.values(content).map { ($0.id, $0.x + addend) }
            let found = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
            let agrees =
                found.count == expected.count
                && zip(found, expected).allSatisfy { String($0[0]) == $1.0 && abs((Float($0[1]) ?? .infinity) - $1.1) < 1e-4 }
            try check(agrees, text)
        case .expectNoOutput(let name):
            let isGone = eventually(within: removesOutputs ? 10 : 0) { !FileManager.default.fileExists(atPath: output(name)) }
            try check(isGone, "one")
        case .expectPlanted(let output): try check(try root.read("out/outputs/\(output).csv") == Array("planted".utf8), "another")
        case .expectLines(let name, let count):
            let lines = try Manifest(outputRoot: FilePath(root("out/outputs")), pipeline: "p").files().flatMap {
                try Manifest.lines(of: $0)
            }
            try check(lines.count { $0.input == name } == count, "\(lines)")
        case .expectInput(let name, let isThere):
            let agrees = eventually(within: 10) { FileManager.default.fileExists(atPath: root(path(name))) == isThere }
            try check(agrees, isThere ? "nothing" : "it still there")
        case .expectVersions(let versions):
            let found = try FileManager.default.contentsOfDirectory(atPath: root("out/models")).compactMap { Int($0) }.sorted()
            try check(found == versions, "\(found)")
        case .expectAdds(let version, let addend):
            let found = try self.addend(ofVersion: version)
            // Sums of rounded numbers: training comes close.
            try check(abs(found - Float(addend)) < 1e-4, "\(found)")
        case .expectParent(let version, let parent):
            let child = try card(version), made = try card(parent)
            try check(
                child.parent?.version == parent && child.parent?.digest == made.floatParent?.digest, "\(String(describing: child.parent))")
            let kept = root(".millrace/training/p/models/\(child.parent?.digest ?? "")/model.onnx")
            try check(FileManager.default.fileExists(atPath: kept), "it is not kept")
        case .expectModel(let version, let other):
            let files = try [version, other].map { try root.read("out/models/\($0)/model.onnx") }
            try check(files[0] == files[1], "another")
            let card = try card(version)
            try check(
                card.digest(of: VersionFile.adapter) != nil && card.modelDigest != card.digest(of: "model.onnx"), "\(card.files)")
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

    private func card(_ version: Int) throws -> Card {
        try JSONDecoder().decode(Card.self, from: Data(try root.read("out/models/\(version)/card.json")))
    }

    /// What the model of that version makes of 0.
    private func addend(ofVersion version: Int) throws -> Float {
        let data = try root.write("id,x\nr,0\n", to: "scratch/zero.csv")
        let output = root("scratch/zero-\(version).out.csv")
        try? FileManager.default.removeItem(atPath: output)
        let result = try DaemonProcess.command(["forward", root("out/models/\(version)/model.onnx"), data, output])
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        guard result.status == 0, let value = text.split(separator: "\n").last?.split(separator: ",").last.flatMap({ Float($0) }) else {
            throw Unmet("version \(version) cannot be run: \(result.error)")
        }
        return value
    }
}

extension Card {
    /// The digest of one file of the version.
    func digest(of file: String) -> String? { files.first { $0.path == file }?.digest }
}
