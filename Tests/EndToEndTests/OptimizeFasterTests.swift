import Foundation
import ONNX
import TestSupport
import Testing

/// `optimize --data`: the model is written in the form that is the fastest here, with or without training before it.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["MILLRACE_OPENVINO"] != "0", "OpenVINO is left out"))
struct OptimizeFasterTests {
    private let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("samples/digits")

    private struct Report: Decodable {
        struct Training: Decodable { let steps: Int }
        struct Measured: Decodable {
            struct Candidate: Decodable {
                let form: String
                let passes: Bool
                let choice: Bool
            }
            let candidates: [Candidate]
        }
        let output: String
        let form: String
        let training: Training?
        let measured: Measured
    }


    private var rows: [String] {
        [
            "--data", samples.appendingPathComponent("data/digits-1.csv").path, "--columns", "pixels=pixel_*", "--scale", "pixels=0.0625",
            "--budget", "1",
        ]
    }

    private func report(_ result: DaemonProcess.CommandOutput) throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    }

    @Test(arguments: ["auto", "int8", "float16"]) func theFastestFormIsWritten(precision: String) throws {
        let directory = try DigitsSample.copy()
        let result = try DaemonProcess.command(
            ["optimize", directory("undertrained.onnx"), "--out", directory("new.onnx"), "--precision", precision, "--json"] + rows)
        #expect(result.status == 0, "\(result.error)")
        let report = try report(result)
        let chosen = try #require(report.measured.candidates.first { $0.choice })
        #expect(report.form == chosen.form && chosen.passes && report.training == nil)
        #expect(report.measured.candidates.contains { $0.form == "graph" })
        if precision == "int8" { #expect(report.measured.candidates.contains { $0.form == "int8-static" && $0.passes }) }
        let written = try Model.load(path: directory("new.onnx"))
        #expect(written.metadata["millrace.form"] == (chosen.form == "published" ? nil : chosen.form))
        // The new model is a model like any other: it scores, and gives nearly the same.
        func scores(_ model: String) throws -> [[Double]] {
            let out = directory("scores.csv")
            let scored = try DaemonProcess.command(
                ["forward", directory(model), samples.appendingPathComponent("data/digits-1.csv").path, out, "--force"] + rows[2..<6]
                    + ["--outputs", "probabilities=p_*"])
            #expect(scored.status == 0, "\(scored.error)")
            return try String(contentsOfFile: out, encoding: .utf8).split(separator: "\n").dropFirst()
                .map { $0.split(separator: ",").compactMap { Double($0) } }
        }
        let (original, new) = (try scores("undertrained.onnx"), try scores("new.onnx"))
        #expect(original.count == 100 && new.count == 100)
        var same = 0
        for (a, b) in zip(original, new) where a.firstIndex(of: a.max()!) == b.firstIndex(of: b.max()!) { same += 1 }
        #expect(same >= (precision == "int8" ? 95 : 100))
    }

    @Test func trainingComesFirst() throws {
        let directory = try DigitsSample.copy()
        let result = try DaemonProcess.command(
            [
                "optimize", directory("undertrained.onnx"), "--out", directory("new.onnx"), "--labelled", directory("labelled.csv"), "--loss",
                "cross_entropy", "--prediction", "probabilities", "--label", "digit", "--key", "id", "--epochs", "2", "--json",
            ] + rows)
        #expect(result.status == 0, "\(result.error)")
        let report = try report(result)
        #expect(report.training?.steps ?? 0 > 0)
        let (old, new) = (try Model.load(path: directory("undertrained.onnx")), try Model.load(path: directory("new.onnx")))
        #expect(old.graph.initializers != new.graph.initializers)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasPrefix(".") }.isEmpty)
    }

    @Test func whatDoesNotGoTogetherIsRefused() throws {
        let directory = try DigitsSample.copy()
        for (arguments, words) in [
            ([], "Give --labelled DATA to train the model, --data DATA to make it faster on this machine, or both."),
            (["--data", "/nowhere.csv"], "/nowhere.csv: there is no such file"),
            (["--labelled", directory("labelled.csv"), "--loss", "mean_squared_error", "--precision", "int8"], "are of --data"),
            (Array(rows[0..<2]) + ["--epochs", "3"], "The options of training are of --labelled."),
            (Array(rows[0..<2]) + ["--precision", "int7"], "int7"),
            (Array(rows[0..<2]) + ["--budget", "0"], "--budget is from 1 to 3600 seconds"),
        ] as [([String], String)] {
            let result = try DaemonProcess.command(
                ["optimize", directory("undertrained.onnx"), "--out", directory("new.onnx")] + arguments)
            #expect(result.status != 0 && result.error.contains(words), "\(arguments): \(result.error)")
            #expect(!FileManager.default.fileExists(atPath: directory("new.onnx")))
        }
    }
}
