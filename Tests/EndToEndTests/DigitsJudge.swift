import Foundation
import TestSupport
import Testing

/// Tells what the metrics of a model of the sample digits are on its labelled rows, as ONNX Runtime and NumPy find them
/// (`Metric/judge.py`).
enum DigitsJudge {
    struct Verdict: Decodable {
        let rows: Int
        let accuracy: Double, f1: Double, auc: Double, logLoss: Double

        func value(_ metric: String) -> Double { ["accuracy": accuracy, "f1": f1, "auc": auc, "log_loss": logLoss][metric]! }
    }

    static let samples = ProjectScript.repository + "/samples/digits"
    private static let python = ProjectScript.repository + "/.deps/oracle/bin/python"

    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: python) }

    /// - Parameters:
    ///   - share: the share of rows that a training would hold out: only those count.
    ///   - seed: the seed of that training.
    static func verdict(_ model: String, share: Double = 1, seed: Int = 0) throws -> Verdict {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            ProjectScript.repository + "/Tests/EndToEndTests/Metric/judge.py", model, samples + "/labelled.csv", "\(share)", "\(seed)",
        ]
        process.standardOutput = pipe
        try process.run()
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Verdict.self, from: said)
    }
}
