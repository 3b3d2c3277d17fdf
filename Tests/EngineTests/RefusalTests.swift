import ConformanceSupport
import Engine
import Foundation
import Tensors
import TestSupport
import Testing

/// What an operator reads when a model or its input does not fit.
@Suite struct RefusalTests {
    @Test(
        arguments: [
            ("missing-operator", .unsupportedOperator(name: "com.acme:Frobnicate", node: "", detail: "no such operator is registered")),
            ("unknown-operator", .unsupportedOperator(name: "Frobnicate", node: "frob", detail: "opset 17 has no such operator")),
            (
                "missing-kernel",
                .unsupportedOperator(name: "Add(14)", node: "sum", detail: "no kernel for these element types and this version")
            ),
            (
                "invalid",
                .invalidModel(
                    detail: "Invalid model. Node input 'nowhere' is not a graph input, initializer, or output of a previous node.")
            ),
        ] as [(String, EngineError)])
    func modelsThatDoNotLoad(name: String, expected: EngineError) throws {
        #expect(throws: expected) { try Fixture.session(name) }
    }

    @Test(arguments: [Data(), Data([0x08, 0x0A]), Data("PK not a model".utf8)])
    func bytesThatAreNoModel(bytes: Data) throws {
        let error = #expect(throws: EngineError.self) { try Session(model: bytes) }
        guard case .invalidModel = error else { Issue.record("\(String(describing: error))"); return }
    }

    @Test func everyTruncationOfAModelIsRefusedOrLoads() throws {
        let bytes = try Fixture.bytes("zipmap")
        let whole = try Session(model: bytes)
        var refused = 0
        for length in 0..<bytes.count {
            do throws(EngineError) {
                let session = try Session(model: bytes.prefix(length))
                #expect(session.inputs.count <= whole.inputs.count && session.outputs.count <= whole.outputs.count, "\(length) bytes")
            } catch {
                #expect(!"\(error)".isEmpty)
                refused += 1
            }
        }
        #expect(refused > bytes.count * 9 / 10)
    }

    @Test func inputsThatDoNotFit() throws {
        let session = try Fixture.session("mlp")
        #expect(throws: EngineError.wrongShape(input: "x", expected: "[N, 4]", found: "[2, 5]")) {
            try session.run([floats([2, 5], [Float](repeating: 0, count: 10))])
        }
        #expect(throws: EngineError.wrongShape(input: "x", expected: "[N, 4]", found: "[4]")) {
            try session.run([floats([4], [1, 2, 3, 4])])
        }
        #expect(throws: EngineError.wrongType(input: "x", expected: "float[N, 4]", found: "double")) {
            try session.run([Tensor(.float64, [1, 4], [1, 2, 3, 4] as [Double])])
        }
        #expect(throws: EngineError.wrongType(input: "x", expected: "float[N, 4]", found: "a sequence of 0")) {
            try session.run([(name: "x", value: .sequence([]))])
        }
        #expect(throws: EngineError.missingInput("x", expected: "float[N, 4]")) { try session.run([] as [Tensor]) }
        #expect(throws: EngineError.missingInput("x", expected: "float[N, 4]")) {
            try session.run([] as [(name: String, value: EngineValue)])
        }
        #expect(throws: EngineError.unknownInput("z", known: ["x"])) {
            try session.run([(name: "z", value: .tensor(floats([1, 4], [1, 2, 3, 4])))])
        }
        #expect(throws: EngineError.unknownOutput("z", known: ["logits", "p"])) {
            try session.run([(name: "x", value: .tensor(floats([1, 4], [1, 2, 3, 4])))], outputs: ["z"])
        }
    }

    @Test func aFailingNodeIsNamed() throws {
        let session = try Fixture.session("failing-reshape")
        let error = #expect(throws: EngineError.self) {
            try session.run([floats([3, 4], [Float](repeating: 0, count: 12)), Tensor(.int64, [2], [5, 7] as [Int64])])
        }
        guard case .runFailed(let name, let node, let detail) = error else { Issue.record("\(String(describing: error))"); return }
        #expect(name == "Reshape" && node == "reshape")
        #expect(detail.contains("requested shape:{5,7}") && !detail.contains("onnxruntime_src"))
    }

    @Test func aRunIsCancelledFromAnotherThread() throws {
        let session = try Fixture.session("endless")
        let cancellation = try Cancellation()
        let thread = Thread {
            Thread.sleep(forTimeInterval: 0.05); cancellation.cancel()
        }
        thread.start()
        #expect(throws: EngineError.cancelled) {
            try session.run([Tensor(.int64, [], [Int64.max]), floats([1], [0])], cancellation: cancellation)
        }
        // It stays cancelled; the session does not.
        #expect(throws: EngineError.cancelled) {
            try session.run([Tensor(.int64, [], [5 as Int64]), floats([1], [0])], cancellation: cancellation)
        }
        #expect(try session.run([Tensor(.int64, [], [5 as Int64]), floats([1], [0])])[0].floats == [5])
    }
}

@Suite struct ExternalDataTests {
    /// The runtime must not go looking for the file by its name, as it does in the working directory when left to itself.
    @Test(arguments: SessionOptions.Optimization.allCases)
    func whatIsNotHandedOverIsNotFound(optimization: SessionOptions.Optimization) throws {
        let name = "w" + UUID().uuidString.prefix(15)
        var model = try Fixture.bytes("external")
        while let range = model.range(of: Data("external.weights".utf8)) { model.replaceSubrange(range, with: Data(name.utf8)) }
        try Fixture.bytes("external.weights").write(to: URL(fileURLWithPath: name))
        defer { try? FileManager.default.removeItem(atPath: name) }
        let error = #expect(throws: EngineError.self) { try Session(model: model, options: SessionOptions(optimization: optimization)) }
        guard case .externalData = error else { Issue.record("\(String(describing: error))"); return }
    }

    private func session(ofFile path: String) throws -> Session {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        return try Session(file: file.fileDescriptor)
    }

    /// The runtime does not read weights that stand beside a model file either.
    @Test func whatStandsBesideAModelFileIsNotRead() throws {
        let directory = try TemporaryDirectory("beside")
        for name in ["external", "external.weights"] {
            try Fixture.bytes(name).write(to: URL(fileURLWithPath: directory(name)))
        }
        let error = #expect(throws: EngineError.self) { try session(ofFile: directory("external")) }
        guard case .externalData = error else { Issue.record("\(String(describing: error))"); return }
    }

    /// A model is told by its content: ONNX Runtime would take a name that ends in .ort for its own format.
    @Test(arguments: ["model.onnx", "model.ort", "model"]) func aFileIsReadWhateverItsNameIs(name: String) throws {
        let directory = try TemporaryDirectory("named")
        let bytes = try Fixture.bytes("mlp")
        try bytes.write(to: URL(fileURLWithPath: directory(name)))
        #expect(try session(ofFile: directory(name)).inputs == Session(model: bytes).inputs)
    }
}
