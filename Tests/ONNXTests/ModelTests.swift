import Testing

@testable import ONNX

@Test func emptyModelIsRefused() {
    #expect(throws: ONNXError.malformed(reason: "it is empty")) { try Model(serialized: [UInt8]()) }
}
