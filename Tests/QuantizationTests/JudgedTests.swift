import Foundation
import ONNX
import TestSupport
import Testing

@testable import Quantization

/// What quantized models compute, as ONNX Runtime and the ONNX project's evaluator execute it, is what NumPy computes by the formulas of
/// the scheme (`judge.py`).
@Suite struct JudgedTests {
    private struct Verdict: Decodable {
        let name: String
        /// The relative differences: between both executors, between ONNX Runtime with and without its fusions, to the float model.
        let evaluator: Double, fused: Double, error: Double
        let cosine: Double
        /// The relative difference to NumPy, where the case is small.
        let formula: Double?
        /// The cosine that the quantization of ONNX Runtime reaches.
        let other: Double?
        /// The operators that ONNX Runtime fuses a static model to.
        let operators: [String]?
    }

    private static let python = ProjectScript.repository + "/.deps/oracle/bin/python"

    private static let schemes: [(name: String, quantizer: any Quantizer, error: Double, fused: Double)] = {
        var byRow = DynamicInt8()
        byRow.scales = .row
        return [
            ("dynamic-tensor", DynamicInt8(), 0.03, 1e-4), ("dynamic-row", byRow, 0.02, 1e-4),
            // ONNX Runtime fuses such weights with a MatMul to MatMulNBits, which makes the activations int8.
            ("int8", WeightOnly(.int8), 0.015, 0.012), ("int4", WeightOnly(.int4), 0.2, 0.012), ("float16", Float16Storage(), 0.001, 1e-5),
        ]
    }()

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: python), "needs .deps/oracle, which Scripts/test-tools installs"))
    func theFormulaIsWhatIsComputed() throws {
        let folder = try TemporaryDirectory("quantized")
        let cases: [(String, Model)] = [
            ("product", Models.product()), ("old", Models.product(opset: 11)), ("chain", Models.chain()), ("upright", Models.upright()),
            ("sequence", Models.sequence()), ("new", Models.sequence(opset: 21)), ("convolutions", Models.convolutions()),
            ("whole", Models.transformer()),
        ]
        var bounds: [String: (error: Double, fused: Double)] = [:]
        for scheme in Self.schemes {
            for (name, model) in cases where !(name == "convolutions" && scheme.quantizer is DynamicInt8) {
                var quantized = model
                try scheme.quantizer.run(&quantized)
                try model.write(to: folder("\(scheme.name).\(name).float.onnx"))
                try quantized.write(to: folder("\(scheme.name).\(name).quantized.onnx"))
                bounds["\(scheme.name).\(name)"] = (scheme.error, scheme.fused)
            }
        }
        for verdict in try judge(folder) {
            let known = bounds.removeValue(forKey: verdict.name)
            let bound = try #require(known)
            #expect(verdict.evaluator < 2e-5 && verdict.fused < bound.fused, "\(verdict)")
            #expect(verdict.error < bound.error && verdict.error > 0, "\(verdict)")
            if !verdict.name.hasSuffix("whole") { #expect(try #require(verdict.formula) < 2e-5, "\(verdict)") }
            if let other = verdict.other { #expect(verdict.cosine >= other && other > 0.9, "\(verdict)") }
        }
        #expect(bounds.isEmpty)
    }

    /// The pairs of a static model are those that ONNX Runtime makes integer operators of, and what it computes is near the float model.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: python), "needs .deps/oracle, which Scripts/test-tools installs"))
    func pairsAreFused() throws {
        let folder = try TemporaryDirectory("quantized")
        for (name, model) in [
            ("product", Models.product()), ("whole-residual", Models.residual()), ("whole-transformer", Models.transformer()),
        ] {
            var calibration = try Calibration(model, method: .minMax)
            try calibrate(&calibration)
            var quantized = model
            try StaticInt8(try calibration.ranges()).run(&quantized)
            try model.write(to: folder("static.\(name).float.onnx"))
            try quantized.write(to: folder("static.\(name).quantized.onnx"))
        }
        let verdicts = try judge(folder)
        try #require(verdicts.count == 3)
        for verdict in verdicts {
            // A sum that lies between two levels may be rounded to either.
            #expect(verdict.evaluator < 5e-3 && verdict.fused < 0.02 && verdict.error < 0.1 && verdict.error > 0, "\(verdict)")
        }
        #expect(try #require(verdicts[0].formula) < 1e-5)
        let convolutional = try #require(verdicts[1].operators)
        #expect(convolutional.filter { $0 == "QLinearConv" }.count == 3 && convolutional.contains("QLinearAdd"))
        #expect(convolutional.contains("QGemm") && !convolutional.contains("Conv") && !convolutional.contains("Relu"), "\(convolutional)")
        let transformer = try #require(verdicts[2].operators)
        #expect(transformer.filter { $0 == "MatMulIntegerToFloat" }.count == 6, "\(transformer)")
    }

    private func judge(_ folder: TemporaryDirectory) throws -> [Verdict] {
        let process = Process(), pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: Self.python)
        process.arguments = [ProjectScript.repository + "/Tests/QuantizationTests/judge.py", folder.path]
        process.standardOutput = pipe
        try process.run()
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try said.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Verdict.self, from: $0) }
    }
}
