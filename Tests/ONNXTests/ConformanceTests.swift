import Foundation
import Tensors
import TestSupport
import Testing

@testable import ONNX

@Suite struct ConformanceTests {
    /// Models whose bytes are not in canonical order. May only shrink.
    static let notCanonical: [String: String] = [:]

    @Test(arguments: ConformanceSet.all)
    func everyModelIsWrittenBackByteForByte(_ set: ConformanceSet) throws {
        var differing: [String] = []
        for item in try set.cases() {
            let bytes = try item.model()
            let written = try Model(serialized: bytes).serialized()
            if (written == bytes) == (Self.notCanonical[item.name] != nil) { differing.append(item.name) }
        }
        #expect(differing.isEmpty)
    }

    @Test(arguments: ConformanceSet.all)
    func everyModelEqualsWhatItIsReadBackAs(_ set: ConformanceSet) throws {
        for item in try set.cases() {
            let model = try Model(serialized: item.model())
            #expect(try Model(serialized: model.serialized()) == model, "\(item.name)")
        }
    }

    @Test(arguments: ConformanceSet.all)
    func noAttributeIsUnrecognized(_ set: ConformanceSet) throws {
        for item in try set.cases() {
            try Model(serialized: item.model()).forEachNode { node in
                for attribute in node.attributes {
                    if case .unrecognized(let content) = attribute.value {
                        Issue.record("\(item.name): \(attribute.name) of \(node.place): \(content.reason)")
                    }
                }
            }
        }
    }

    /// Every stored tensor is read, inputs and outputs included; only types that the build lacks may be refused.
    @Test(arguments: ConformanceSet.all)
    func everyTensorIsRead(_ set: ConformanceSet) throws {
        var count = 0
        for item in try set.cases() {
            let model = try Model(serialized: item.model())
            try model.forEachTensor { place, tensor in
                guard tensor.elementType != nil else { return }
                let read = try tensor.tensor()
                #expect(read.shape == tensor.shape, "\(item.name) \(place)")
                count += 1
            }
        }
        #expect(count > 1000)
    }
}

extension ConformanceTests {
    /// Models that ONNX tests although they break its rules. May only shrink.
    static let unsafe: [String: String] = [:]

    @Test(arguments: ConformanceSet.all)
    func everyModelPassesTheSafetyCheck(_ set: ConformanceSet) throws {
        for item in try set.cases() {
            let model = try Model(serialized: item.model())
            do throws(ONNXError) {
                try model.safetyCheck(bounds: .narrow)
                try model.costCheck(bounds: .narrow)
                #expect(Self.unsafe[item.name] == nil, "\(item.name) passes: take it off the list")
            } catch {
                #expect(Self.unsafe[item.name] != nil, "\(item.name): \(error)")
            }
        }
    }
}
