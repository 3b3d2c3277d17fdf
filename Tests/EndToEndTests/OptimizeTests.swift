import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

/// `optimize` as a user runs it, over copies of the sample `digits`.
@Suite struct OptimizeTests {
    private func optimize(_ directory: TemporaryDirectory, _ out: String, _ more: [String]) -> [String] {
        ["optimize", directory("undertrained.onnx"), "--labelled", directory("labelled.csv"), "--out", directory(out)]
            + DigitsSample.options + ["--loss", "cross_entropy", "--prediction", "logits", "--gate", "accuracy", "--threads", "2"] + more
    }

    private struct Report: Decodable {
        struct Epoch: Decodable {
            let epoch: Int
            let trainingLoss: Double?
            let validation: [String: Double]
        }
        let before: [String: Double]
        let after: [String: Double]
        let validationRows: Int
        let trainingRows: Int
        let resumedAt: Int
        let history: [Epoch]
    }

    @Test func fineTuningLiftsTheDigitsSampleTo97Percent() throws {
        let directory = try DigitsSample.copy()
        let tuned = try DaemonProcess.command(
            optimize(
                directory, "tuned.onnx", ["--epochs", "30", "--learning-rate", "0.003", "--schedule", "cosine", "--seed", "7", "--json"]))
        #expect(tuned.status == 0, "\(tuned.error)")
        let report = try JSONDecoder().decode(Report.self, from: Data(tuned.output.utf8))
        #expect(report.trainingRows + report.validationRows == 397)
        #expect(try #require(report.before["accuracy"]) < 0.9)
        #expect(try #require(report.after["accuracy"]) >= 0.97, "\(report.after)")
        // A pipe gets plain lines, one an epoch.
        #expect(tuned.error.split(separator: "\n").count == report.history.count)
        #expect(tuned.error.contains("epoch 30/30, loss 0."))
        #expect(directory.files() == ["labelled.csv", "tuned.onnx", "undertrained.onnx"], "nothing else stays")

        // The new model is better on all rows too (0.80 before), and has the old one's inputs and outputs.
        let scored = try DaemonProcess.command(
            ["forward", directory("tuned.onnx"), directory("labelled.csv"), directory("scores.csv"), "--keep", "digit"]
                + Array(DigitsSample.options.prefix(4)))
        #expect(scored.status == 0, "\(scored.error)")
        let lines = try String(contentsOfFile: directory("scores.csv"), encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: ",")
        }
        let head = lines[0].map(String.init)
        let right = lines.dropFirst().count { row in
            let scores = head.indices.filter { head[$0].hasPrefix("logits") }.map { Double(row[$0]) ?? -.infinity }
            return scores.indices.max { scores[$0] < scores[$1] }.map(String.init) == String(row[head.firstIndex(of: "digit") ?? 0])
        }
        #expect(Double(right) / Double(lines.count - 1) > 0.93)
        let old = try DaemonProcess.command(["inspect", directory("undertrained.onnx"), "--json"])
        let new = try DaemonProcess.command(["inspect", directory("tuned.onnx"), "--json"])
        #expect(try Self.signature(old.output) == Self.signature(new.output))
    }

    @Test func aPipelineSaysHowToTrain() throws {
        let directory = try DigitsSample.copy()
        let pipeline = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("pipelines/digits.yaml").path
        let shared = [
            "optimize", directory("undertrained.onnx"), "--labelled", directory("labelled.csv"), "--out", directory("tuned.onnx"),
            "--pipeline", pipeline,
        ]
        let tuned = try DaemonProcess.command(shared + ["--threads", "2", "--json"])
        #expect(tuned.status == 0, "\(tuned.error)")
        let report = try JSONDecoder().decode(Report.self, from: Data(tuned.output.utf8))
        #expect(try #require(report.after["accuracy"]) >= 0.97, "\(report.after)")
        let both = try DaemonProcess.command(shared + ["--force", "--epochs", "3"])
        #expect(both.status == 2 && both.error.contains("not both"), "\(both.error)")
        let neither = try DaemonProcess.command(Array(shared.dropLast(2)) + ["--force"])
        #expect(neither.status == 2 && neither.error.contains("--loss"), "\(neither.error)")
    }

    /// A training that changes nothing to speak of, under gates that ask for more or less.
    @Test func whatDoesNotPassTheGateIsNotWritten() throws {
        let directory = try DigitsSample.copy()
        let idle = ["--epochs", "1", "--optimizer", "sgd", "--learning-rate", "1e-12"]
        let refused = try DaemonProcess.command(optimize(directory, "new.onnx", idle + ["--json"]))
        #expect(
            refused.status == 5 && refused.error.contains("no epoch made it better") && refused.error.contains("accuracy went from"),
            "\(refused.error)")
        #expect(
            refused.output.contains("\"refusal\" : \"accuracy went from") && !refused.output.contains("\"output\""), "\(refused.output)")
        #expect(directory.files() == ["labelled.csv", "undertrained.onnx"])
        let allowed = try DaemonProcess.command(optimize(directory, "new.onnx", idle + ["--gate", "accuracy=0.01"]))
        #expect(allowed.status == 0 && directory.files().contains("new.onnx"), "\(allowed.error)")

        // The pipeline's gate, not that of the command line.
        let text = try String(
            contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("pipelines/digits.yaml"), encoding: .utf8)
        let slow = text.replacing(/optimizer: .*/, with: "optimizer: { sgd: { learning_rate: 1.0e-12 } }").replacing(
            "epochs: 40", with: "epochs: 1")
        try #require(slow != text)
        try directory.write(slow, to: "slow.yaml")
        let piped = try DaemonProcess.command([
            "optimize", directory("undertrained.onnx"), "--labelled", directory("labelled.csv"), "--out", directory("piped.onnx"),
            "--pipeline",
            directory("slow.yaml"), "--threads", "2",
        ])
        #expect(piped.status == 5 && piped.error.contains("accuracy went from"), "\(piped.error)")
        #expect(!directory.files().contains("piped.onnx"))
        for (gate, validation) in [("accuracy=-1", "0.2"), ("precision", "0.2"), ("accuracy", "0")] {
            let wrong = try DaemonProcess.command(optimize(directory, "x.onnx", ["--gate", gate, "--validation", validation]))
            #expect(wrong.status == 2 && wrong.error.contains("--gate"), "\(wrong.error)")
        }
    }

    private static func signature(_ inspection: String) throws -> String {
        var object = try #require(try JSONSerialization.jsonObject(with: Data(inspection.utf8)) as? [String: Any])
        object["bytes"] = nil
        object["byteCount"] = nil
        object["fileBytes"] = nil
        return String(decoding: try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]), as: UTF8.self)
    }

    /// SIGKILL at random moments, the command again until it is through: the bytes are those of a run that nobody touched.
    @Test func killedAtRandomMomentsItGivesTheSameBytes() throws {
        let directory = try DigitsSample.copy()
        let options = [
            "--epochs", "4", "--batch-size", "16", "--optimizer", "adamw", "--ema", "0.9", "--seed", "5", "--checkpoint-steps", "1",
        ]
        let whole = try DaemonProcess.command(optimize(directory, "whole.onnx", options))
        #expect(whole.status == 0, "\(whole.error)")
        var generator = SeededGenerator(seed: 11)
        var kills = 0, resumed = false
        for round in 0..<3 {
            let name = "killed-\(round).onnx"
            for _ in 0..<60 {
                let process = Process()
                process.executableURL = DaemonProcess.binary
                process.arguments = optimize(directory, name, options + ["--json"])
                let output = Pipe()
                process.standardOutput = output
                process.standardError = FileHandle.nullDevice
                process.standardInput = FileHandle.nullDevice
                try process.run()
                // From before the rows are packed to after the last step.
                let patience = UInt32.random(in: 20_000...900_000, using: &generator)
                var waited: UInt32 = 0
                while process.isRunning, waited < patience {
                    usleep(5_000)
                    waited += 5_000
                }
                if process.isRunning {
                    kill(process.processIdentifier, SIGKILL)
                    kills += 1
                }
                process.waitUntilExit()
                let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                if FileManager.default.fileExists(atPath: directory(name)) {
                    if let report = try? JSONDecoder().decode(Report.self, from: Data(text.utf8)), report.resumedAt > 0 { resumed = true }
                    break
                }
            }
            if !FileManager.default.fileExists(atPath: directory(name)) {
                // The last one is left alone.
                let last = try DaemonProcess.command(optimize(directory, name, options + ["--json"]))
                #expect(last.status == 0, "\(last.error)")
                resumed = try JSONDecoder().decode(Report.self, from: Data(last.output.utf8)).resumedAt > 0 || resumed
            }
            #expect(try directory.read(name) == directory.read("whole.onnx"), "round \(round) after \(kills) kills")
        }
        #expect(kills >= 5, "\(kills)")
        #expect(resumed)
    }

    @Test func aRunThatIsTakenBackSaysHowToGoOn() throws {
        let directory = try DigitsSample.copy()
        let process = Process()
        process.executableURL = DaemonProcess.binary
        process.arguments = optimize(directory, "new.onnx", ["--epochs", "100000"])
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let began = eventually { directory.files().contains { $0.hasPrefix(".new.onnx.training/checkpoint-") && $0.hasSuffix(".json") } }
        #expect(began)
        process.interrupt()
        process.waitUntilExit()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(process.terminationStatus == 1)
        #expect(said.contains("the same command goes on"), "\(said.suffix(300))")
        #expect(!FileManager.default.fileExists(atPath: directory("new.onnx")))
    }

    @Test func whatIsWrongIsSaidAndNothingStays() throws {
        let directory = try DigitsSample.copy()
        func refused(_ more: [String], status: Int32 = 1, _ words: String...) throws {
            let answer = try DaemonProcess.command(optimize(directory, "new.onnx", more))
            #expect(answer.status == status, "\(more): \(answer.error)")
            for word in words { #expect(answer.error.contains(word), "\(answer.error)") }
            #expect(directory.files() == ["labelled.csv", "undertrained.onnx"], "\(more)")
        }
        try refused(["--label", "digits"], "did you mean \"digit\"")
        try refused(["--freeze", "*"], "no parameter can be trained")
        try refused(["--gate", "rmse"], "rmse does not fit")
        try refused(["--learning-rate", "1e30", "--optimizer", "sgd"], "is not finite")
        try refused(["--optimizer", "adam", "--nesterov"], status: 2, "--nesterov is of sgd")
        try refused(["--loss", "hinge"], status: 2, "hinge")
        try refused(["--freeze", "conv9.*"], "freeze: no initializer has a name like \"conv9.*\"")
        try refused(["--scale", "image=2"], "there is no model input 'image'; it has 'pixels'")
        try refused(["--columns", "pixels=pixel_*,digit"], "is the label and a feature")
        // Two outputs could be meant: which, is to be said by name.
        let either = try DaemonProcess.command(
            [
                "optimize", directory("undertrained.onnx"), "--labelled", directory("labelled.csv"), "--out", directory("new.onnx"),
                "--loss", "cross_entropy",
            ] + DigitsSample.options)
        #expect(either.status == 1 && either.error.contains("--prediction logits"), "\(either.error)")
    }

    /// The factors alone are written; with the model beside which they were trained they are the model that merging makes, by either way.
    @Test func adaptersMayBeWrittenAlone() throws {
        let directory = try DigitsSample.copy()
        let tuned = ["--epochs", "6", "--learning-rate", "0.01", "--adapter-rank", "4", "--adapter-target", "*", "--seed", "7", "--json"]
        func command(_ words: [String]) throws -> String {
            let answer = try DaemonProcess.command(words)
            #expect(answer.status == 0, "\(answer.error)")
            return answer.output
        }
        let beside = try command(optimize(directory, "a.safetensors", tuned + ["--no-merge"]))
        let report = try JSONDecoder().decode(Report.self, from: Data(beside.utf8))
        #expect(try #require(report.after["accuracy"]) > (#require(report.before["accuracy"])), "\(report.after)")
        _ = try command(optimize(directory, "whole.onnx", tuned))
        _ = try command(["merge", directory("undertrained.onnx"), directory("a.safetensors"), directory("merged.onnx")])

        func scores(_ name: String, _ model: String, _ more: [String] = []) throws -> String {
            _ = try command(
                ["forward", directory(model), directory("labelled.csv"), directory(name)] + Array(DigitsSample.options.prefix(4)) + more)
            return try String(contentsOfFile: directory(name), encoding: .utf8)
        }
        let whole = try scores("whole.csv", "whole.onnx")
        #expect(try scores("merged.csv", "merged.onnx") == whole)
        #expect(try scores("beside.csv", "undertrained.onnx", ["--adapter", directory("a.safetensors")]) == whole)
        #expect(try scores("plain.csv", "undertrained.onnx") != whole)

        // `diff` sees the model that both make.
        try FileManager.default.createDirectory(atPath: directory("v"), withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: directory("undertrained.onnx"), toPath: directory("v/model.onnx"))
        try FileManager.default.copyItem(atPath: directory("a.safetensors"), toPath: directory("v/adapter.safetensors"))
        func difference(_ other: String) throws -> String {
            let answer = try DaemonProcess.command(["diff", "model.onnx", directory(other)], in: directory("v"))
            #expect(answer.status == 0, "\(answer.error)")
            return answer.output
        }
        #expect(try difference("undertrained.onnx").contains("initializers with other values"))
        #expect(try !difference("merged.onnx").contains("initializers with other values"))

        // Going on from it, and what does not go together.
        let next = try command(optimize(directory, "b.safetensors", tuned + ["--no-merge", "--adapter", directory("a.safetensors")]))
        #expect(try JSONDecoder().decode(Report.self, from: Data(next.utf8)).before["accuracy"] == report.after["accuracy"])
        func refused(_ words: [String], _ status: Int32, _ said: String) throws {
            let answer = try DaemonProcess.command(words)
            #expect(answer.status == status && answer.error.contains(said), "\(answer.error)")
        }
        try refused(optimize(directory, "c.onnx", tuned + ["--no-merge"]), 2, "must end in .safetensors")
        try refused(optimize(directory, "c.safetensors", tuned), 2, "give --no-merge")
        try refused(optimize(directory, "c.safetensors", ["--no-merge"]), 2, "give --adapter-rank")
        try refused(["merge", directory("whole.onnx"), directory("a.safetensors"), directory("c.onnx")], 1, "trained beside another model")
        try refused(
            ["forward", directory("whole.onnx"), directory("labelled.csv"), directory("c.csv"), "--adapter", directory("a.safetensors")]
                + Array(DigitsSample.options.prefix(4)), 1, "trained beside another model")
        #expect(directory.files().allSatisfy { !$0.hasPrefix("c.") })
    }
}
