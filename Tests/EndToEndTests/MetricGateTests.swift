import Foundation
import TestSupport
import Testing

/// `--gate-metric` as a user calls it, on the sample digits.
@Suite(
    .serialized, .enabled(if: ProcessInfo.processInfo.environment["MILLRACE_OPENVINO"] != "0", "OpenVINO is left out"),
    .enabled(if: DigitsJudge.isThere, "needs .deps/oracle, which Scripts/test-tools installs"))
struct MetricGateTests {
    private struct Report: Decodable {
        struct Gate: Decodable {
            let metric: String
            let dropAtMost: Double
            let original: Double
            let rows: Int
        }
        struct Candidate: Decodable {
            let engine: String, form: String
            let metric: Double?, cosine: Double?
            let passes: Bool, choice: Bool
            let refusal: String?
        }
        let gate: Gate
        let candidates: [Candidate]
    }

    private struct Faster: Decodable {
        let form: String
        let measured: Report
    }

    private static let samples = DigitsJudge.samples
    private static let rows = ["--columns", "pixels=pixel_*", "--scale", "pixels=0.0625"]
    private static let labels = ["--labelled", samples + "/labelled.csv", "--label", "digit", "--prediction", "probabilities"]

    private var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    /// Every way of executing the model has its metric; one that is worse by more than it may be is not used, however near its outputs are.
    @Test(arguments: ["accuracy", "f1", "auc", "log_loss"]) func aMetricDecides(_ metric: String) throws {
        let result = try DaemonProcess.command(
            ["bench", Self.samples + "/undertrained.onnx", "--precision", "int8", "--budget", "1", "--batches", "32", "--json"] + Self.rows
                + Self.labels + ["--gate-metric", metric])
        #expect(result.status == 0, "\(result.error)")
        let report = try decoder.decode(Report.self, from: Data(result.output.utf8))
        let verdict = try DigitsJudge.verdict(Self.samples + "/undertrained.onnx")
        #expect(report.gate.metric == metric && report.gate.dropAtMost == 0 && report.gate.rows == 397 && verdict.rows == 397)
        #expect(abs(report.gate.original - verdict.value(metric)) < 1e-6, "\(report.gate.original)")
        #expect(report.candidates.first?.metric == report.gate.original)
        #expect(report.candidates.contains { $0.form == "int8-static" })
        for candidate in report.candidates {
            let found = try #require(candidate.metric)
            let lost = metric == "log_loss" ? found - report.gate.original : report.gate.original - found
            #expect(candidate.passes == (lost <= 1e-9), "\(candidate)")
            if lost > 1e-9 { #expect(candidate.refusal?.hasPrefix("\(metric) ") == true, "\(candidate)") }
            #expect(abs(found - report.gate.original) < 0.05)
        }
    }

    @Test func peopleReadIt() throws {
        let result = try DaemonProcess.command(
            ["bench", Self.samples + "/undertrained.onnx", "--budget", "1", "--batches", "32"] + Self.rows + Self.labels
                + ["--gate-metric", "accuracy", "--gate-drop", "0.01", "--gate-cosine", "0.9"])
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.contains(#/cosine +accuracy/#) && result.output.contains(#/onnxruntime .* 0\.790932 /#), "\(result.output)")
        #expect(result.output.contains("accuracy is measured on 397 labelled rows, and may be worse than 0.790932 by 0.01 at most"))
    }

    /// After a training the rows that it has held out judge; without one all rows do.
    @Test(arguments: [true, false]) func optimizeJudgesByRowsThatNoTrainingHasSeen(trains: Bool) throws {
        let directory = try DigitsSample.copy()
        let learning = ["--loss", "cross_entropy", "--epochs", "3", "--seed", "5", "--validation", "0.3"]
        let result = try DaemonProcess.command(
            ["optimize", directory("undertrained.onnx"), "--out", directory("new.onnx"), "--data", Self.samples + "/data/digits-1.csv"]
                + ["--key", "id", "--budget", "1", "--json", "--gate-metric", "accuracy", "--gate-drop", "0.02"] + Self.rows + Self.labels
                + (trains ? learning : []))
        #expect(result.status == 0, "\(result.error)")
        let report = try decoder.decode(Faster.self, from: Data(result.output.utf8))
        // What is written computes what the model after the training does, in float32.
        let verdict = try DigitsJudge.verdict(directory("new.onnx"), share: trains ? 0.3 : 1, seed: trains ? 5 : 0)
        #expect(report.measured.gate.rows == verdict.rows && (trains ? 80..<160 : 397..<398).contains(verdict.rows))
        #expect(abs(report.measured.gate.original - verdict.accuracy) < 1e-9)
        let before = try DigitsJudge.verdict(directory("undertrained.onnx"), share: trains ? 0.3 : 1, seed: trains ? 5 : 0)
        #expect((verdict.accuracy > before.accuracy) == trains)
    }

    /// What was measured is used again for the same gate and the same labelled rows, and for no others.
    @Test func forwardKeepsAChoiceForItsGateAndRows() throws {
        let directory = try TemporaryDirectory("metric-forward")
        func forward(_ more: [String]) throws {
            let result = try DaemonProcess.command(
                [
                    "forward", Self.samples + "/undertrained.onnx", Self.samples + "/data/digits-1.csv", directory("out.csv"), "--force",
                    "--precision", "auto", "--budget", "1", "--batch-size", "50",
                ] + Self.rows + more, environment: ["XDG_CACHE_HOME": directory("cache")])
            #expect(result.status == 0, "\(result.error)")
        }
        func kept() throws -> [String: [UInt8]] {
            let names = directory.files().filter { $0.hasPrefix("cache/millrace/choices/") }
            return try Dictionary(uniqueKeysWithValues: names.map { ($0, try directory.read($0)) })
        }
        try forward(Self.labels + ["--gate-metric", "accuracy"])
        let first = try kept()
        #expect(first.count == 1)
        try forward(Self.labels + ["--gate-metric", "accuracy"])
        #expect(try kept() == first)
        try forward(Self.labels + ["--gate-metric", "accuracy", "--gate-drop", "0.1"])
        try forward([])
        let all = try kept()
        #expect(all.count == 3 && all[first.keys.first!] == first.values.first!)
        let text = try String(contentsOfFile: Self.samples + "/labelled.csv", encoding: .utf8)
        let fewer = try directory.write(text.split(separator: "\n").prefix(301).joined(separator: "\n") + "\n", to: "fewer.csv")
        try forward(["--labelled", fewer] + Self.labels[2...] + ["--gate-metric", "accuracy"])
        let now = try kept()
        #expect(now.count == 3 && now[first.keys.first!] != first.values.first!)
        #expect(String(decoding: now[first.keys.first!]!, as: UTF8.self).contains(#/"rows" : 300/#))
    }

    @Test func everyFaultIsNamedAndNothingIsWritten() throws {
        let directory = try TemporaryDirectory("metric-faults")
        let text = try String(contentsOfFile: Self.samples + "/labelled.csv", encoding: .utf8).split(separator: "\n")
        func write(_ name: String, _ rows: [Substring]) throws -> String {
            try directory.write(([text[0]] + rows).joined(separator: "\n") + "\n", to: name)
        }
        let few = try write("few.csv", Array(text[1...20]))
        let one = try write("one.csv", text.dropFirst().filter { $0.hasSuffix(",3") })
        let bare = try write("bare.csv", text[1...50].map { row in row[...row.lastIndex(of: ",")!] })
        let metric = ["--gate-metric", "accuracy"], labels = Array(Self.labels[2...])
        for (arguments, words) in [
            (metric, "--gate-metric and --labelled DATA go together"),
            (Self.labels, "--gate-metric and --labelled DATA go together"),
            (["--gate-drop", "0.1"], "--gate-drop and --gate-rows are of --gate-metric"),
            (["--label", "digit"], "are of --labelled"),
            (metric + ["--labelled", few], "Give --label COLUMN, or --pipeline FILE."),
            (metric + ["--gate-drop", "-1"] + Self.labels, "--gate-drop"),
            (metric + ["--labelled", "/nowhere.csv"] + labels, "/nowhere.csv: there is no such file"),
            (metric + ["--labelled", few] + labels, "the gate needs 30 labelled rows that no training sees, and there are 20"),
            (metric + ["--labelled", one] + labels, "their labels are all of one class"),
            (metric + ["--labelled", bare] + labels, "none of its 50 rows has a label"),
            (metric + ["--labelled", few, "--label", "nothing", "--prediction", "probabilities"], "nothing"),
            (["--gate-metric", "rmse", "--labelled", few] + labels + ["--loss", "cross_entropy"], "does not fit the loss cross_entropy"),
            (["--gate-metric", "loss"] + Self.labels, "--gate-metric loss needs --loss"),
            (metric + ["--labelled", few, "--label", "digit"], "it has 2 outputs that could be meant"),
        ] as [([String], String)] {
            let result = try DaemonProcess.command(["bench", Self.samples + "/undertrained.onnx", "--budget", "1"] + Self.rows + arguments)
            #expect(result.status != 0 && result.error.contains(words), "\(arguments): \(result.error)")
        }
        let lower = try DaemonProcess.command(
            ["bench", Self.samples + "/undertrained.onnx", "--budget", "1", "--labelled", few] + Self.rows + metric + labels
                + ["--gate-rows", "20"])
        #expect(lower.status == 0, "\(lower.error)")
        for (arguments, words) in [
            (metric, "--gate-metric is measured on labelled rows: give --labelled DATA."),
            (metric + ["--labelled", few], "Give --label COLUMN."),
            (metric + ["--labelled", few, "--epochs", "3"] + labels, "Give --loss, or --pipeline FILE."),
            (metric + ["--labelled", few] + labels, "the gate needs 30 labelled rows"),
            (
                metric + Self.labels + ["--loss", "cross_entropy", "--validation", "0", "--epochs", "1"],
                "every row is learnt from, so that none is left to measure on"
            ),
        ] as [([String], String)] {
            let result = try DaemonProcess.command(
                ["optimize", Self.samples + "/undertrained.onnx", "--out", directory("new.onnx"), "--budget", "1", "--data"]
                    + [Self.samples + "/data/digits-1.csv"] + Self.rows + arguments)
            #expect(result.status != 0 && result.error.contains(words), "\(arguments): \(result.error)")
            #expect(!FileManager.default.fileExists(atPath: directory("new.onnx")))
        }
    }
}
