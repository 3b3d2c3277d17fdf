import Attempts
import FileSystem
import Foundation
import Glibc
import ModelSupport
import ONNX
import PipelineConfig
import Recipes
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Runner

/// The code that computes gets descriptors: it works though nothing stands under the names that its attempt has.
@Suite struct AttemptFilesTests {
    private static let rowCount = 60_000
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("files")
        try directory.write(TinyModel.adding(2), to: "model.onnx")
        let rows = (0..<Self.rowCount).map { "a key of some length \($0),\($0 % 97)\n" }.joined()
        try directory.write("id,x\n" + rows, to: "rows.csv")
    }

    /// Opens the files of an attempt in another folder than the attempt's, and knows which it was asked for.
    private final class Elsewhere: AttemptFiles {
        private let files: NamedFiles
        private let asked = Mutex<[AttemptFile]>([])

        init(_ spec: AttemptSpec) { files = NamedFiles(spec) }

        func open(_ file: AttemptFile) throws(FileSystemError) -> FileDescriptor {
            asked.withLock { $0.append(file) }
            return try files.open(file)
        }

        func folder(_ folder: AttemptFolder) throws(FileSystemError) -> any GivenFolder { try files.folder(folder) }

        /// Returns what was asked for since the last call.
        func takeAsked() -> [AttemptFile] {
            asked.withLock { asked in
                defer { asked = [] }
                return asked
            }
        }
    }

    private func spec(in folder: String, _ format: OutputFormat, model: String, keep: [String] = ["id"]) throws -> AttemptSpec {
        AttemptSpec(
            run: 7, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: model, digest: try FileDigest.of(FilePath(directory("model.onnx"))).digest),
                    data: .init(path: folder + "/rows.csv", digest: try FileDigest.of(FilePath(directory("rows.csv"))).digest),
                    output: folder + "/out.\(format)", format: format)),
            schema: .init(key: ["id"], keep: keep), stages: [.forward(ForwardStage())], provenance: ["millrace.arrival": "3"])
    }

    @Test(arguments: [OutputFormat.csv, .jsonl, .parquet, .arrow, .npz]) func nothingIsOpenedByItsName(_ format: OutputFormat) throws {
        let real = try spec(in: directory.path, format, model: directory("model.onnx"))
        #expect(LocalExecutor(sessionBytes: 1 << 20).execute(real, cancellation: AttemptCancellation()).failure == nil)
        let expected = try directory.read("out.\(format)")
        try Disk.remove(FilePath(directory("out.\(format)")))

        let elsewhere = Elsewhere(real)
        let executor = LocalExecutor(sessionBytes: 1 << 20, files: { _ in elsewhere })
        let result = executor.execute(
            try spec(in: "/nowhere", format, model: "/nowhere/model.onnx"), cancellation: AttemptCancellation())
        #expect(result.failure == nil && result.rowCount == Int64(Self.rowCount))
        let digest = try FileDigest.of(FilePath(directory("out.\(format)"))).digest
        #expect(result.files.map(\.path) == ["/nowhere/out.\(format)"] && result.files.map(\.digest) == [digest])
        #expect(try directory.read("out.\(format)") == expected)
        let asked = elsewhere.takeAsked()
        #expect(asked.contains(.model(.graph)) && asked.contains(.model(.adapter)))
        #expect(asked.filter { $0 == .data }.count == 1 && asked.filter { $0 == .output }.count == 1)
        // The keys do not fit into memory, by the rules of the writer of arrays.
        #expect(asked.contains(.temporary) == (format == .npz))
    }

    /// A type that a late row contradicts makes the output begin again: nothing of the first beginning is left in it.
    @Test func anOutputThatBeginsAgainIsAsIfItHadNot() throws {
        let rows = (0..<Self.rowCount).map { "a key of some length \($0),1,\($0 == Self.rowCount - 1 ? "text" : "\($0)")\n" }.joined()
        try directory.write("id,x,note\n" + rows, to: "rows.csv")
        let real = try spec(in: directory.path, .csv, model: directory("model.onnx"), keep: ["note"])
        let elsewhere = Elsewhere(real)
        let executor = LocalExecutor(sessionBytes: 1 << 20, files: { _ in elsewhere })
        let result = executor.execute(real, cancellation: AttemptCancellation())
        #expect(result.failure == nil)
        #expect(elsewhere.takeAsked().filter { $0 == .output }.count == 2)
        let lines = String(decoding: try directory.read("out.csv"), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == Self.rowCount + 1 && lines.last?.hasPrefix("text,3") == true, "\(lines.last ?? "")")
        #expect(try result.files.map(\.digest) == [FileDigest.of(FilePath(directory("out.csv"))).digest])
    }

    /// A model that is loaded needs none of its files.
    @Test func aLoadedModelIsNotOpenedAgain() throws {
        let real = try spec(in: directory.path, .csv, model: directory("model.onnx"))
        let elsewhere = Elsewhere(real)
        let executor = LocalExecutor(sessionBytes: 1 << 20, files: { _ in elsewhere })
        for round in 1...2 {
            #expect(executor.execute(real, cancellation: AttemptCancellation()).failure == nil)
            let asked = elsewhere.takeAsked()
            #expect(round == 1 ? asked.contains(.model(.graph)) : asked == [.data, .output], "\(asked)")
        }
    }

    /// Weights in a file of their own are read beneath the model's folder, by a name that only the outer part resolves. No link is
    /// followed.
    @Test func externalDataIsOpenedByTheOuterPart() throws {
        let model = WideModel.model(width: 160, blocks: 1)
        var options = Model.WritingOptions()
        options.embeddedBytesAtMost = 0
        try model.write(to: directory("wide.onnx"), options: options)
        try directory.write("x\n1\n2\n", to: "rows.csv")
        func spec(_ folder: String) throws -> AttemptSpec {
            AttemptSpec(
                run: 7, attempt: 1, pipeline: "p",
                work: .score(
                    .init(
                        model: .init(path: folder + "/wide.onnx", digest: try FileDigest.of(FilePath(directory("wide.onnx"))).digest),
                        data: .init(path: folder + "/rows.csv", digest: try FileDigest.of(FilePath(directory("rows.csv"))).digest),
                        output: folder + "/out.csv", format: .csv)),
                schema: .init(), stages: [.forward(ForwardStage())])
        }
        let elsewhere = Elsewhere(try spec(directory.path))
        func execute() throws -> AttemptResult {
            let executor = LocalExecutor(sessionBytes: 1 << 20, files: { _ in elsewhere })
            return executor.execute(try spec("/nowhere"), cancellation: AttemptCancellation())
        }
        let result = try execute()
        #expect(result.failure == nil && result.rowCount == 2, "\(String(describing: result.failure))")
        #expect(elsewhere.takeAsked().contains(.model(.weights(["wide.onnx.data"]))))

        try FileManager.default.moveItem(atPath: directory("wide.onnx.data"), toPath: directory("other"))
        #expect(try execute().failure?.what.contains("there is no such file") == true)
        #expect(symlink(directory("other"), directory("wide.onnx.data")) == 0)
        #expect(try execute().failure?.what.contains("the path contains a symbolic link") == true)
    }

    /// What cannot be made is said in the words of a writer that makes it by its name.
    @Test func anOutputThatCannotBeMadeIsTheMachinesFault() throws {
        let real = try spec(in: directory.path, .csv, model: directory("model.onnx"))
        try FileManager.default.createDirectory(atPath: directory("out.csv"), withIntermediateDirectories: true)
        let result = LocalExecutor(sessionBytes: 1 << 20).execute(real, cancellation: AttemptCancellation())
        #expect(result.failure?.what == "\(directory("out.csv")): creating failed: Is a directory")
    }
}
