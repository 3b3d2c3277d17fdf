import Foundation
import TestSupport

/// The sample `digits`: an undertrained model and labelled rows.
enum DigitsSample {
    /// The command line's words for the schema of the rows.
    static let options = ["--columns", "pixels=pixel_*", "--scale", "pixels=0.0625", "--label", "digit", "--key", "id"]

    /// Copies the labelled rows and the model into a folder of their own.
    static func copy() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory("optimize")
        let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("samples/digits")
        for name in ["labelled.csv", "undertrained.onnx"] {
            try FileManager.default.copyItem(atPath: samples.appendingPathComponent(name).path, toPath: directory(name))
        }
        return directory
    }
}
