import ConformanceSupport
import Foundation
import Machine
import ONNX
import Tensors
import TestSupport
import Testing

@testable import Engine

@Suite struct OpenVINOLibraryTests {
    @Test func itIsLeftOutOrMissingByName() {
        #expect(throws: EngineError.openVINOMissing(detail: "MILLRACE_OPENVINO=0 leaves it out")) {
            try OpenVINO.load(["MILLRACE_OPENVINO": "0"], "libopenvino_c.so.2641").get()
        }
        let error = #expect(throws: EngineError.self) { try OpenVINO.load([:], "libopenvino_c.so.0").get() }
        #expect("\(error!)".contains("libopenvino_c.so.0") && "\(error!)".contains("Scripts/setup fetches it"))
        // A library without the functions.
        let other = #expect(throws: EngineError.self) { try OpenVINO.load([:], "libm.so.6").get() }
        #expect("\(other!)".contains("it has no function ov_"))
    }

    private static let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    private static let headers = checkout + "/.deps/openvino/include"

    /// The compiler compares our declarations of OpenVINO's functions with its own header.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: headers), "Scripts/setup was told to leave OpenVINO out"))
    func ourDeclarationsAreTheHeaders() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "clang", "-fsyntax-only", "-Wall", "-Werror", "-I", Self.checkout + "/Sources/COpenVINO/include", "-I", Self.headers,
            "-DOPENVINO_HEADER=<openvino/c/openvino.h>", Self.checkout + "/Sources/COpenVINO/COpenVINO.c",
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}

/// The numbers that products are computed in.
@Suite(.enabled(if: OpenVINO.isThere)) struct OpenVINOPrecisionTests {
    /// A product of 64 terms in float32 by ONNX Runtime is the oracle: bfloat16 has 8 bits of a number, so that it is near and not equal.
    @Test func bfloat16IsUsedWhereItIsAskedForAndNowhereElse() throws {
        var generator = SeededGenerator(seed: 3)
        func random(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &generator) } }
        let weights = StoredTensor("w", .float32, [64, 64], random(4096))
        let shape: [Tensors.Dimension] = [.symbolic("N"), .fixed(64)]
        let graph = Graph(
            name: "g", nodes: [Node("MatMul", ["x", "w"], ["y"])], inputs: [Value("x", .tensor(.float32, shape))],
            outputs: [Value("y", .tensor(.float32, shape))], initializers: [weights])
        let model = try Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph).serialized()
        let x = floats([32, 64], random(2048))
        let expected = try #require(try Session(model: model).run([x])[0].floats)
        let full = try #require(try Session(model: model, options: .openVINO).run([x])[0].floats)
        #expect(zip(full, expected).allSatisfy { abs($0 - $1) < 1e-4 })
        let session: Session
        do { session = try Session(model: model, options: SessionOptions(engine: .openVINO(.bfloat16))) } catch {
            // A processor that has no such products: it is said, and not computed in float32.
            #expect("\(error)".contains("this processor computes it in f32, not in bf16"), "\(error)")
            return
        }
        let half = try #require(try session.run([x])[0].floats)
        let errors = zip(half, expected).map { abs($0 - $1) }
        #expect(errors.max()! > 1e-3 && errors.max()! < 0.3, "\(errors.max()!)")
    }

    @Test func statesOfTrainingGoRoundAndAreNotOverwritten() throws {
        let type = ValueType.tensor(.float32, [2] as Shape)
        let graph = Graph(
            name: "counter", nodes: [Node("Mul", ["x", "factor"], ["scaled"]), Node("Add", ["total", "scaled"], ["next"])],
            inputs: [Value("x", type), Value("total", type), Value("factor", .tensor(.float32, [] as Shape))],
            outputs: [Value("next", type)])
        let session = try Session(
            model: Model(operatorSets: [OperatorSet(domain: "", version: 21)], graph: graph).serialized(), options: .openVINO)
        func stateful(overwrites: Bool) throws -> StatefulSession {
            let slot = StatefulSession.Slot(
                name: "total", input: "total", output: "next", elementType: .float32, shape: [2], overwrites: overwrites)
            return try StatefulSession(session, slots: [slot], constants: ["factor": floats([], [10])], outputs: [])
        }
        let steps = try stateful(overwrites: false)
        for x in [[1, 2], [3, 4], [5, 6]] as [[Float]] { _ = try steps.run([("x", floats([2], x))]) }
        #expect(try steps.value("total").values(as: Float.self) == [90, 120])
        #expect(steps.stepBack())
        #expect(try steps.value("total").values(as: Float.self) == [40, 60])
        #expect(throws: EngineError.self) { try stateful(overwrites: true) }
    }
}
