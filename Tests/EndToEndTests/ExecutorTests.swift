import Attempts
import FileSystem
import Foundation
import PipelineConfig
import Reasons
import Recipes
import Runner
import SystemPackage
import TestSupport
import Testing

/// An attempt's spec is all that an executor needs: the same spec gives the same bytes in this process and in a child.
@Suite struct ExecutorTests {
    @Test func aSpecRunsTheSameInAChildProcess() throws {
        let directory = try TemporaryDirectory("executor")
        let model = try directory.write(TinyModel.adding(2), to: "model.onnx")
        let data = try directory.write("id,x\na,1\nb,2.5\n", to: "data.csv")
        func spec(output: String) throws -> AttemptSpec {
            AttemptSpec(
                run: 1, attempt: 1, pipeline: "p",
                work: .score(
                    .init(
                        model: .init(path: model, digest: try FileDigest.of(FilePath(model)).digest),
                        data: .init(path: data, digest: try FileDigest.of(FilePath(data)).digest), output: directory(output),
                        format: .csv)),
                schema: .init(key: ["id"], keep: ["id"]), stages: [.forward(.init())])
        }
        let child = ChildProcessExecutor(executable: DaemonProcess.binary.path, workDirectory: directory.path)
        let there = child.execute(try spec(output: "child.csv"), cancellation: AttemptCancellation())
        let here = LocalExecutor(sessionBytes: 1 << 20).execute(try spec(output: "local.csv"), cancellation: AttemptCancellation())
        #expect(there.failure == nil)
        #expect(there.files.first?.digest == here.files.first?.digest)
        #expect(String(decoding: try directory.read("child.csv"), as: UTF8.self) == "id,y\na,3.0\nb,4.5\n")
        #expect(directory.files() == ["child.csv", "data.csv", "local.csv", "model.onnx"])
    }

    /// An executor does not answer with values that the spec hides, so that no reader of the answer can write them down.
    @Test func anExecutorHidesValuesWhereTheSpecSays() throws {
        let directory = try TemporaryDirectory("executor")
        let model = try directory.write(TinyModel.adding(2), to: "model.onnx")
        let data = try directory.write("id,x\na,Zoe1987\n", to: "data.csv")
        var spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: model, digest: try FileDigest.of(FilePath(model)).digest),
                    data: .init(path: data, digest: try FileDigest.of(FilePath(data)).digest), output: directory("out.csv"), format: .csv)),
            schema: .init(key: ["id"], keep: ["id"]), stages: [.forward(.init())])
        let child = ChildProcessExecutor(executable: DaemonProcess.binary.path, workDirectory: directory.path)
        let executors: [any AttemptExecutor] = [child, LocalExecutor(sessionBytes: 1 << 20)]
        for hidesValues in [false, true] {
            spec.hidesValues = hidesValues
            for executor in executors {
                let failure = try #require(executor.execute(spec, cancellation: AttemptCancellation()).failure)
                #expect(failure.what.contains("the value is no number") && (failure.cells == nil) == hidesValues, "\(failure)")
                #expect(
                    failure.cells?.values ?? ["Zoe1987"] == ["Zoe1987"] && failure.description.contains("Zoe1987") != hidesValues,
                    "\(failure)")
            }
        }
    }

    @Test func aChildThatDiesIsAnAnswer() throws {
        let directory = try TemporaryDirectory("executor")
        let file = AttemptSpec.InputFile(path: directory("none"), digest: "d")
        let spec = AttemptSpec(
            run: 1, attempt: 1, pipeline: "p", work: .score(.init(model: file, data: file, output: directory("out.csv"), format: .csv)),
            schema: .init(), stages: [])
        let answer = ChildProcessExecutor(executable: "/bin/false", workDirectory: directory.path).execute(
            spec, cancellation: AttemptCancellation())
        #expect(answer.failure?.kind == .executorLost)
    }
}
