package import Attempts
import FileSystem
import PipelineConfig
import Recipes
import SystemPackage
package import TestSupport

/// An attempt that scores one small file.
package enum Scoring {
    package static func spec(
        model: [UInt8] = TinyModel.adding(2), rows: String, output: String = "out.csv", limits: AttemptSpec.Limits = .init(),
        attempt: Int = 1, in directory: TemporaryDirectory
    ) throws -> AttemptSpec {
        let model = try directory.write(model, to: "model.onnx")
        let data = try directory.write(rows, to: "data.csv")
        return AttemptSpec(
            run: 1, attempt: attempt, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: model, digest: try FileDigest.of(FilePath(model)).digest),
                    data: .init(path: data, digest: try FileDigest.of(FilePath(data)).digest), output: directory(output), format: .csv)),
            schema: .init(key: ["id"], keep: ["id"]), stages: [.forward(.init())], limits: limits)
    }
}
