import Foundation
import TestSupport
import Testing

@testable import ONNX

/// Damaged models give an error or another model, never a crash. The seed is fixed; a failure names the case.
@Suite struct MutationTests {
    @Test(arguments: ConformanceSet.all)
    func damagedModelsNeverCrash(_ set: ConformanceSet) throws {
        var generator = SeededGenerator(seed: 20)
        var refused = 0
        var accepted = 0
        for item in try set.cases() {
            let original = [UInt8](try item.model())
            for round in 0..<6 {
                var bytes = original
                if round % 2 == 0 {
                    bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
                } else {
                    for _ in 0..<Int.random(in: 1...8, using: &generator) {
                        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
                    }
                }
                do throws(ONNXError) {
                    let model = try Model(serialized: bytes)
                    try exercise(model)
                    accepted += 1
                } catch {
                    #expect(!error.description.isEmpty)
                    refused += 1
                }
            }
        }
        #expect(refused > set.modelCount)
        #expect(accepted > 100)
    }

    /// Everything that a stage does to a model that it has read.
    private func exercise(_ model: Model) throws(ONNXError) {
        let again = try Model(serialized: model.serialized())
        #expect(again == model)
        _ = model.inspection().description
        _ = model.requiredOperators
        _ = model.graph.index
        var failure: ONNXError?
        model.forEachTensor { _, tensor in
            guard (tensor.byteCount ?? 0) < 1 << 24 else { return }
            do throws(ONNXError) { _ = try tensor.tensor() } catch { failure = error }
        }
        _ = try model.inferTypes()
        try model.safetyCheck()
        if let failure { throw failure }
    }
}
