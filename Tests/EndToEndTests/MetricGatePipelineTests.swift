import FileSystem
import Foundation
import Landing
import Recipes
import TestSupport
import Testing

/// A metric on labelled rows as the gate of a precision in a pipeline, on the sample digits.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["MILLRACE_OPENVINO"] != "0", "OpenVINO is left out"),
    .enabled(if: DigitsJudge.isThere, "needs .deps/oracle, which Scripts/test-tools installs"))
struct MetricGatePipelineTests {
    private func execution(_ daemon: DaemonProcess, version: Int) throws -> [String: JSONValue] {
        let card = try JSONDecoder().decode(Card.self, from: Data(try daemon.root.read("out/digits/models/\(version)/card.json")))
        guard case .table(let execution)? = card.decisions?["execution"] else { throw Unmet("no execution on the card") }
        return execution
    }

    private func table(_ value: JSONValue?) throws -> [String: JSONValue] {
        guard case .table(let table)? = value else { throw Unmet("no table") }
        return table
    }

    private func number(_ value: JSONValue?) throws -> Double {
        switch value {
        case .number(let number)?: number
        case .integer(let number)?: Double(number)
        default: throw Unmet("no number")
        }
    }

    /// Labels come in after the first version: it has no metric, and the trained one is judged by the rows that its training has held out.
    @Test func theFiguresOnTheCardAreThoseOfTheHeldOutRows() throws {
        let daemon = try DaemonProcess("metric-gate")
        let pipeline = try String(contentsOfFile: ProjectScript.repository + "/pipelines/digits.yaml", encoding: .utf8)
            .replacing(
                "  - forward:",
                with:
                    "  - optimize: { precision: int8, budget: 1s, gate: { metric: accuracy, drop_at_most: 0.03, cosine: 0.5 } }\n  - forward:"
            )
            .replacing("quiet: 2s", with: "quiet: 200ms")
        try daemon.root.write(pipeline, to: "pipelines/digits.yaml")
        try daemon.start()
        func drop(_ sample: String, at path: String) throws {
            try daemon.drop(Data(contentsOf: URL(fileURLWithPath: DigitsJudge.samples + "/" + sample)), at: "spool/digits/" + path)
        }
        try drop("undertrained.onnx", at: "models/m.onnx")
        try drop("data/digits-1.csv", at: "data/one.csv")
        #expect(eventually(within: 60) { daemon.root.files().contains("out/digits/predictions/one.csv") }, "\(daemon.logText)")
        // The first version was measured without labels, on the first rows; why is kept with the choice.
        let choice = try #require(daemon.root.files().first { $0.hasPrefix(".millrace/choices/") && $0.hasSuffix(".json") })
        #expect(String(decoding: try daemon.root.read(choice), as: UTF8.self).contains("no labelled rows are known"))
        try drop("labelled.csv", at: "labelled/l.csv")
        let isTrained = eventually(within: 90) { (try? daemon.root.read("out/digits/models/ACTIVE")) == Array("2\n".utf8) }
        #expect(isTrained, "\(daemon.logText)")
        try drop("data/digits-1.csv", at: "data/two.csv")
        #expect(eventually(within: 60) { daemon.root.files().contains("out/digits/predictions/two.csv") }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        let verdict = try DigitsJudge.verdict(daemon.root("out/digits/models/2/model.onnx"), share: 0.2, seed: 7)
        let execution = try execution(daemon, version: 2), gate = try table(execution["gate"])
        #expect(gate["metric"] == .text("accuracy") && gate["drop_at_most"] == .number(0.03) && gate["cosine"] == .number(0.5))
        #expect(gate["same_top"] == nil && gate["not_measured"] == nil)
        #expect(try number(gate["rows"]) == Double(verdict.rows) && verdict.rows > 30)
        #expect(abs(try number(gate["original"]) - verdict.accuracy) < 1e-9)
        guard case .list(let candidates)? = execution["candidates"] else { throw Unmet("no candidates") }
        #expect(candidates.count > 3)
        for candidate in try candidates.map({ try table($0) }) where candidate["refusal"] == nil {
            #expect(try number(candidate["metric"]) >= verdict.accuracy - 0.03 - 1e-9, "\(candidate)")
        }
        // The gate of the training has found the same of the same rows.
        let card = try JSONDecoder().decode(Card.self, from: Data(try daemon.root.read("out/digits/models/2/card.json")))
        #expect(abs((card.gate?.after ?? 0) - verdict.accuracy) < 1e-9 && card.gate?.rows == verdict.rows)
        // A restart measures the version no more. The first one has labels to be judged by now, and would be measured again if it scored.
        func choices() -> [String] { daemon.root.files().filter { $0.hasPrefix(".millrace/choices/") && $0.hasSuffix(".json") }.sorted() }
        let kept = try choices().map { try daemon.root.read($0) }
        try drop("data/digits-1.csv", at: "data/three.csv")
        try daemon.start()
        #expect(eventually(within: 60) { daemon.root.files().contains("out/digits/predictions/three.csv") }, "\(daemon.logText)")
        #expect(daemon.stop() == 0)
        #expect(try choices().map { try daemon.root.read($0) } == kept)
        #expect(try daemon.root.read("out/digits/predictions/three.csv") == daemon.root.read("out/digits/predictions/two.csv"))
    }
}
