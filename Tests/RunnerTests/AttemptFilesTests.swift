import Attempts
import FileSystem
import Foundation
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

        /// Returns what was asked for since the last call.
        func takeAsked() -> [AttemptFile] {
            asked.withLock { asked in
                defer { asked = [] }
                return asked
            }
        }
    }

    private func spec(in folder: String, _ format: OutputFormat, model: String) throws -> AttemptSpec {
        AttemptSpec(
            run: 7, attempt: 1, pipeline: "p",
            work: .score(
                .init(
                    model: .init(path: model, digest: try FileDigest.of(FilePath(directory("model.onnx"))).digest),
                    data: .init(path: folder + "/rows.csv", digest: try FileDigest.of(FilePath(directory("rows.csv"))).digest),
                    output: folder + "/out.\(format)", format: format)),
            schema: .init(key: ["id"], keep: ["id"]), stages: [.forward(ForwardStage())], provenance: ["millrace.arrival": "3"])
    }

    @Test(arguments: [OutputFormat.csv, .jsonl, .parquet, .arrow, .npz]) func nothingIsOpenedByItsName(_ format: OutputFormat) throws {
        let real = try spec(in: directory.path, format, model: directory("model.onnx"))
        #expect(LocalExecutor(sessionBytes: 1 << 20).execute(real, cancellation: AttemptCancellation()).failure == nil)
        let expected = try directory.read("out.\(format)")
        try Disk.remove(FilePath(directory("out.\(format)")))

        let elsewhere = Elsewhere(real)
        let executor = LocalExecutor(sessionBytes: 1 << 20, files: { _ in elsewhere })
        let result = executor.execute(
            try spec(in: "/nowhere", format, model: directory("model.onnx")), cancellation: AttemptCancellation())
        #expect(result.failure == nil && result.rowCount == Int64(Self.rowCount))
        let digest = try FileDigest.of(FilePath(directory("out.\(format)"))).digest
        #expect(result.files.map(\.path) == ["/nowhere/out.\(format)"] && result.files.map(\.digest) == [digest])
        #expect(try directory.read("out.\(format)") == expected)
        let asked = elsewhere.takeAsked()
        #expect(asked.filter { $0 == .data }.count == 1 && asked.filter { $0 == .output }.count == 1)
        // The keys do not fit into memory, by the rules of the writer of arrays.
        #expect(asked.contains(.temporary) == (format == .npz))
    }

    /// What cannot be made is said in the words of a writer that makes it by its name.
    @Test func anOutputThatCannotBeMadeIsTheMachinesFault() throws {
        let real = try spec(in: directory.path, .csv, model: directory("model.onnx"))
        try FileManager.default.createDirectory(atPath: directory("out.csv"), withIntermediateDirectories: true)
        let result = LocalExecutor(sessionBytes: 1 << 20).execute(real, cancellation: AttemptCancellation())
        #expect(result.failure?.what == "\(directory("out.csv")): creating failed: Is a directory")
    }
}
