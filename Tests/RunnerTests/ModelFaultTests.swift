import Attempts
import Columnar
import FileSystem
import Foundation
import Glibc
import ONNX
import PipelineConfig
import Reasons
import Recipes
import SystemPackage
import Tensors
import TestSupport
import Testing

@testable import Runner

/// A machine that cannot write or read a model says nothing about the model: it is not rejected, and data that needs it is not to blame.
@Suite struct ModelFaultTests {
    private func file(_ path: String) throws -> AttemptSpec.InputFile {
        .init(path: path, digest: try FileDigest.of(FilePath(path)).digest)
    }

    private func execute(_ spec: AttemptSpec) -> AttemptResult {
        LocalExecutor(sessionBytes: 1 << 20).execute(spec, cancellation: AttemptCancellation())
    }

    private func decide(_ model: String, into directory: String) throws -> AttemptResult {
        execute(
            AttemptSpec(
                run: 1, attempt: 1, pipeline: "p", work: .validateModel(.init(model: try file(model), directory: directory), training: nil),
                schema: .init(), stages: [.deserialize(DeserializeStage()), .forward(.init())]))
    }

    /// All versions are away with the disk that they are on: that is no fault of the data.
    @Test func versionsThatAreAwayAreWaitedFor() throws {
        let directory = try TemporaryDirectory("versions")
        let data = try file(try directory.write("x\n1\n", to: "d.csv"))
        func kind() -> Failure.Kind? {
            execute(
                AttemptSpec(
                    run: 1, attempt: 1, pipeline: "p",
                    work: .score(
                        .init(
                            model: .init(path: directory("models/1/model.onnx"), digest: "0"), data: data, output: directory("o.csv"),
                            format: .csv)),
                    schema: .init(), stages: [.deserialize(DeserializeStage()), .forward(.init())])
            ).failure?.kind
        }
        #expect(kind() == .machine)
        try FileManager.default.createDirectory(atPath: directory("models"), withIntermediateDirectories: true)
        #expect(kind() == .modelUnavailable)
    }

    @Test func aModelThatTheDiskDoesNotTakeIsNotRejected() throws {
        let error = try #require(throws: ONNXError.self) { try Model.load(path: "/nowhere/m.onnx") }
        #expect(error == .cannotRead(path: "/nowhere/m.onnx", reason: "No such file or directory", code: ENOENT))
        for code in [ENOSPC, EROFS, EIO, EDQUOT, EMFILE] {
            let failure = Failure(
                model: ONNXError.cannotWrite(path: "m.onnx", reason: String(cString: strerror(code)), code: code), place: "staging")
            #expect(failure.kind == .machine, "\(code)")
        }
        #expect(
            Failure(model: ONNXError.cannotWrite(path: "m.onnx", reason: "File exists", code: EEXIST), place: "staging").kind == .resource)
    }

    /// What goes beyond a limit is refused by a rule of its own, in data and in models.
    @Test func limitsHaveRulesOfTheirOwn() {
        let data = Failure(
            reading: ColumnarError.limit(TableLocation(file: "a.csv", row: 3), .limitNesting, reason: "too deep"), file: "a.csv")
        #expect(
            data.kind == .badInput && data.rule == .limitNesting && data.remedy == Rule.limitNesting.remedy && data.what.contains("row 3"))
        for error in [ONNXError.nestedTooDeeply(limit: 100), .tooManyParts(limit: 5), .tooLarge(byteCount: 9, limit: 8)] {
            let model = Failure(model: error, place: "m.onnx")
            #expect(model.kind == .badModel && model.rule == .limitModel, "\(error)")
        }
    }

    /// What made-up rows show of a model is part of the decision: an output that is the same for every number of rows.
    @Test func aModelThatMadeUpRowsRefuteIsRejected() throws {
        let directory = try TemporaryDirectory("refuted")
        let rows = ValueType.tensor(.float32, [.symbolic("N"), .fixed(1)])
        let graph = Graph(
            name: "g", nodes: [Node("Relu", ["x"], ["y"]), Node("Identity", ["five"], ["anchors"])], inputs: [Value("x", rows)],
            outputs: [Value("y", rows), Value("anchors", .tensor(.float32, nil))],
            initializers: [StoredTensor("five", .float32, [5], [1, 2, 3, 4, 5] as [Float])])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        let answer = try decide(try directory.write(try model.serialized(), to: "m.onnx"), into: directory("staged"))
        #expect(
            answer.failure?.kind == .badModel && answer.failure?.what.contains("'anchors'") == true, "\(String(describing: answer.failure))"
        )
    }

    /// Whoever reports it: Landing, Foundation with the system's number inside, or Foundation's own words for it.
    @Test func whatTheDiskRefusesIsTheMachinesFault() {
        func foundation(_ code: Int32) -> NSError {
            NSError(
                domain: NSCocoaErrorDomain, code: CocoaError.Code.fileWriteUnknown.rawValue,
                userInfo: [NSUnderlyingErrorKey: NSError(domain: NSPOSIXErrorDomain, code: Int(code))])
        }
        #expect(Failure(landing: .noSpace(doing: "write", path: "a"), place: "a").kind == .machine)
        #expect(Failure(landing: .system(doing: "write", path: "a", errno: .ioError), place: "a").kind == .machine)
        #expect(Failure(landing: .crossMount(from: "a", to: "b"), place: "a").kind == .machine)
        // What was written is gone: that is no fault of the machine, unless its folder is gone with it.
        #expect(Failure(landing: .missing("a"), place: "a").kind == .resource)
        #expect(Failure(landing: .missing("/tmp/not-there"), place: "a").kind == .resource)
        #expect(Failure(landing: .missing("/not-there/work/a"), place: "a").kind == .machine)
        for code in [EIO, EROFS, ENOSPC] { #expect(Failure(writing: foundation(code), place: "a").kind == .machine, "\(code)") }
        #expect(Failure(writing: foundation(ENAMETOOLONG), place: "a").kind == .resource)
        #expect(Failure(writing: CocoaError(.fileWriteOutOfSpace), place: "a").kind == .machine)
        let full = #expect(throws: (any Error).self) { try Data([1]).write(to: URL(fileURLWithPath: "/dev/full")) }
        if let full { #expect(Failure(writing: full, place: "a").kind == .machine, "\(full)") }
    }

    @Test func aModelThatCannotBeWrittenWaits() throws {
        let directory = try TemporaryDirectory("fault")
        let model = try directory.write(TinyModel.adding(1), to: "m.onnx")
        // A file where the directory for the version would be.
        try directory.write("a file", to: "staged")
        let blocked = try decide(model, into: directory("staged"))
        #expect(blocked.failure.map { $0.kind != .badModel } == true, "\(String(describing: blocked.failure))")
        #expect(try decide(model, into: directory("free")).failure == nil)
    }
}
