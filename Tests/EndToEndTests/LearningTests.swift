import FileSystem
import Foundation
import Landing
import Ledger
import Recipes
import RegexBuilder
import TestSupport
import Testing

/// Labels in a folder that make the model better: the shipped digits pipeline with the built daemon.
@Suite(.serialized) struct LearningTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let samples = repository + "/samples/digits"

    private func world(_ change: (String) -> String = { $0 }) throws -> DaemonProcess {
        let daemon = try DaemonProcess("learning")
        try daemon.root.write(
            change(String(contentsOfFile: Self.repository + "/pipelines/digits.yaml", encoding: .utf8)), to: "pipelines/digits.yaml")
        return daemon
    }

    private func start(_ daemon: DaemonProcess) throws {
        let before = daemon.logText.components(separatedBy: "notice running").count
        try daemon.start()
        try #require(eventually { daemon.logText.components(separatedBy: "notice running").count > before }, "\(daemon.logText)")
    }

    private func drop(_ sample: String, at path: String, into daemon: DaemonProcess) throws {
        try daemon.drop(Data(contentsOf: URL(fileURLWithPath: Self.samples + "/" + sample)), at: path)
    }

    private func active(_ root: TemporaryDirectory) -> String {
        (try? String(decoding: root.read("out/digits/models/ACTIVE"), as: UTF8.self)) ?? ""
    }

    private func card(_ version: Int, _ root: TemporaryDirectory) throws -> Card {
        try JSONDecoder().decode(Card.self, from: Data(try root.read("out/digits/models/\(version)/card.json")))
    }

    /// Scores the sample's images in `folder` and gives the share that is right, by the true digits.
    private func accuracy(_ folder: String, _ daemon: DaemonProcess) throws -> Double {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.samples + "/data").sorted()
        for file in files { try drop("data/" + file, at: "spool/digits/data/\(folder)/\(file)", into: daemon) }
        func landed() -> [String] { daemon.root.files().filter { $0.hasPrefix("out/digits/predictions/\(folder)/") } }
        try #require(eventually { landed().count == files.count }, "\(daemon.logText)")
        func rows(_ text: String) -> [(id: String, digit: String)] {
            text.split(separator: "\n").dropFirst().map { line in
                let cells = line.split(separator: ",")
                return (String(cells[0]), String(cells.last!))
            }
        }
        let truth = Dictionary(
            uniqueKeysWithValues: rows(try String(contentsOfFile: Self.samples + "/truth.csv", encoding: .utf8)).map { ($0.id, $0.digit) })
        let found = try landed().flatMap { rows(String(decoding: try daemon.root.read($0), as: UTF8.self)) }
        #expect(found.count == truth.count)
        return Double(found.count { truth[$0.id] == $0.digit }) / Double(found.count)
    }

    @Test func labelsMakeABetterModelAndBetterPredictions() throws {
        let daemon = try world()
        let root = daemon.root
        try start(daemon)
        try drop("undertrained.onnx", at: "spool/digits/models/m.onnx", into: daemon)
        let before = try accuracy("before", daemon)
        try drop("labelled.csv", at: "spool/digits/labelled/l.csv", into: daemon)
        #expect(eventually(within: 60) { active(root) == "2\n" }, "\(daemon.logText)")
        let after = try accuracy("after", daemon)
        #expect(before < 0.85 && after > 0.87, "\(before) \(after)")
        #expect(daemon.stop() == 0)

        let card = try card(2, root), parent = try self.card(1, root)
        #expect(
            card.gate?.metric == "accuracy" && card.gate?.after ?? 0 >= 0.97 && card.gate?.before ?? 1 < card.gate?.after ?? 0,
            "\(String(describing: card.gate))")
        #expect(card.parent?.version == 1 && card.parent?.digest == parent.digest(of: "model.onnx"))
        #expect(card.trainingData?.map(\.digest) == [card.arrivalDigest] && card.verdict == .passed)
        #expect(parent.engine?.name == "ONNX Runtime" && parent.engine?.version.contains(".") == true)
        #expect(card.lossPerEpoch?.isEmpty == false && card.lossPerEpoch?.last ?? 1 < card.lossPerEpoch?.first ?? 0)
        #expect(card.hyperParameters?["seed"] == .integer(7) && card.hyperParameters?["optimizer"] == .text("adamw"))
        #expect(card.opset == parent.opset)
        #expect(!root.files().contains { $0.contains("/checkpoints/") }, "what training went on from is gone")

        let models = try DaemonProcess.command(["models", "digits", "--root", root.path])
        #expect(models.output.contains("accuracy"), "\(models.output)")
        let run = try #require(card.run)
        let shown = try DaemonProcess.command(["runs", "\(run)", "--root", root.path])
        #expect(shown.output.contains("training loss") && shown.output.contains("epoch"), "\(shown.output)")
        let explained = try DaemonProcess.command([
            "explain", root("spool/digits/labelled/l.csv"), "--root", root.path, "--pipelines", root("pipelines"),
        ])
        #expect(explained.output.contains("done") && explained.output.contains("trained version 2"), "\(explained.output)")
        let check = try DaemonProcess.command(["check", "--root", root.path])
        #expect(check.status == 0, "\(check.output) \(check.error)")
    }

    /// Each of the two convolutions by its node; the images need no gradient, so the first has only that of its weights.
    @Test func theCardTellsInWhichFormEachConvolutionHasItsGradients() throws {
        let daemon = try world { $0.replacing("epochs: 40", with: "epochs: 2").replacing("quiet: 2s", with: "quiet: 200ms") }
        try start(daemon)
        try drop("undertrained.onnx", at: "spool/digits/models/m.onnx", into: daemon)
        try drop("labelled.csv", at: "spool/digits/labelled/l.csv", into: daemon)
        #expect(eventually(within: 60) { active(daemon.root) == "2\n" }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        guard case .table(let told)? = try card(2, daemon.root).decisions?["gradient_forms"] else {
            Issue.record("no gradient_forms in \(try card(2, daemon.root).decisions ?? [:])")
            return
        }
        let forms = told.mapValues { form in if case .text(let text) = form { text } else { "\(form)" } }
        let first = "node Conv 'node_conv2d' -> 'conv2d'", second = "node Conv 'node_conv2d_1' -> 'conv2d_1'"
        #expect(Set(forms.keys) == [first, second])
        let input = /input gradient: (transposed|rotated|wide)/
        let weight = /weight gradient: (product|depthwise|swapped|columns|taps|wide|shifted)/
        #expect(forms[first]?.wholeMatch(of: weight) != nil, "\(forms)")
        #expect(
            forms[second]?.wholeMatch(
                of: Regex {
                    input; ", "; weight
                }) != nil, "\(forms)")
        // A version that nothing was trained for tells of none.
        #expect(try card(1, daemon.root).decisions?["gradient_forms"] == nil)
    }

    /// SIGKILL at seeded moments: the training goes on from its last checkpoint, and lands what it would have landed anyway.
    @Test func aKilledTrainingLandsTheSameBytes() throws {
        func longer(_ text: String) -> String {
            text.replacing("epochs: 40", with: "epochs: 120").replacing("batch_size: 16", with: "batch_size: 8")
        }
        func begun() throws -> DaemonProcess {
            let daemon = try world(longer)
            try start(daemon)
            try drop("undertrained.onnx", at: "spool/digits/models/m.onnx", into: daemon)
            try #require(eventually { active(daemon.root) == "1\n" }, "\(daemon.logText)")
            try drop("labelled.csv", at: "spool/digits/labelled/l.csv", into: daemon)
            return daemon
        }
        let calm = try begun()
        #expect(eventually(within: 120) { active(calm.root) == "2\n" }, "\(calm.logText)")
        #expect(calm.stop() == 0)

        let daemon = try begun()
        let root = daemon.root
        var generator = SeededGenerator(seed: 41)
        func checkpoints() -> [String] { root.files().filter { $0.contains("/checkpoints/") && $0.hasSuffix(".json") } }
        var killedAtCheckpoints = 0
        var hasMoved = false
        var last: [String] = []
        while killedAtCheckpoints < 4, active(root) != "2\n" {
            // Each time it has come further than the time before, however busy the machine is.
            #expect(
                eventually(within: 120) { active(root) == "2\n" || (!checkpoints().isEmpty && checkpoints() != last) }, "\(daemon.logText)")
            usleep(UInt32.random(in: 0...100_000, using: &generator))
            daemon.kill()
            // Its worker finds out within a tick, and may write a checkpoint until then.
            repeat {
                last = checkpoints()
                usleep(200_000)
            } while last != checkpoints()
            if !last.isEmpty { killedAtCheckpoints += 1 }
            let computed = last.filter { $0.contains("/checkpoint-") }
            if !hasMoved, !computed.isEmpty {
                // As if another kind of processor had computed them: it starts over.
                hasMoved = true
                for path in computed {
                    var object = try #require(try JSONSerialization.jsonObject(with: Data(root.read(path))) as? [String: Any])
                    var machine = try #require(object["machine"] as? [String: String])
                    machine["processor"] = "another"
                    object["machine"] = machine
                    try root.write(Array(try JSONSerialization.data(withJSONObject: object)), to: path)
                }
            }
            try start(daemon)
            // It is not killed again before it has said so, however fast it is.
            if hasMoved { #expect(eventually(within: 120) { active(root) == "2\n" || daemon.logText.contains("a training starts over") }) }
        }
        #expect(eventually(within: 120) { active(root) == "2\n" }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(killedAtCheckpoints > 0, "it was never killed with something to go on from")
        #expect(hasMoved && daemon.logText.contains("a training starts over"), "\(daemon.logText)")
        let resumed = try root.read("out/digits/models/2/model.onnx")
        #expect(try calm.root.read("out/digits/models/2/model.onnx") == resumed)
        let cards = [try card(2, root), try card(2, calm.root)]
        #expect(cards[0].lossPerEpoch == cards[1].lossPerEpoch)
        let ledger = try RunLedger(stateDirectory: root(".millrace"), readOnly: true)
        let runs = try ledger.runs(RunFilter(pipeline: "digits", path: "l.csv"))
        #expect(runs.count == 1 && runs.first?.attemptCount ?? 0 > 1)
        #expect(try ledger.versions(pipeline: "digits").count == 2)
    }
}
