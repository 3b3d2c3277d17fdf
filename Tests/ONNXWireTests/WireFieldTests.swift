import Testing

@testable import ONNXWire

/// Fields as protocol buffers write them, and what is none.
@Suite struct WireFieldTests {
    private struct Memory: WireBytes {
        let bytes: [UInt8]
        /// How many bytes can be read.
        let there: Int64
        func byte(at position: Int64) -> UInt8? { position < there ? bytes[Int(position)] : nil }
    }

    private func words(_ bytes: [UInt8], there: Int? = nil) -> String {
        var memory = Memory(bytes: bytes, there: Int64(there ?? bytes.count))
        do {
            let field = try WireField(of: &memory, at: 0, end: Int64(bytes.count))
            return "\(field.number) \(field.content) to \(field.end)"
        } catch { return "\(error)" }
    }

    @Test func aFieldIsReadWithoutItsContent() {
        #expect(words([0x08, 0x96, 0x01]) == "1 number(150) to 3")
        #expect(words([0x12, 0x02, 0xFF, 0xFF, 0x00], there: 2) == "2 bytes(Range(2..<4)) to 4")
        #expect(words([0x0D, 1, 2, 3, 4]) == "1 fixed to 5" && words([0x09, 1, 2, 3, 4, 5, 6, 7, 8]) == "1 fixed to 9")
        #expect(words([0x08] + [UInt8](repeating: 0xFF, count: 9) + [0x01]) == "1 number(18446744073709551615) to 11")
    }

    @Test func whatIsNoFieldIsToldWithItsPlace() {
        #expect(words([0x80]) == "truncated(at: 0)" && words([0x08]) == "truncated(at: 1)" && words([0x08, 0x96]) == "truncated(at: 1)")
        #expect(words([0x12, 0x03, 1, 2]) == "truncated(at: 0)", "a length beyond the message")
        #expect(words([0x0D, 1, 2, 3]) == "truncated(at: 1)" && words([0x09, 1]) == "truncated(at: 1)")
        #expect(words([0x08, 0x96, 0x01], there: 2) == "truncated(at: 1)", "a byte that cannot be read")
        #expect(words([0x08] + [UInt8](repeating: 0xFF, count: 10) + [0x01]) == "longNumber(at: 1)")
        #expect(words([0x0B]) == "group(at: 0)" && words([0x0C]) == "group(at: 0)" && words([0x0E]) == "impossible(at: 0)")
    }

    @Test func onlyWhatLeadsToTensorsIsEntered() {
        #expect(ONNXMessage.model.child(7) == .graph && ONNXMessage.graph.child(5) == .tensor && ONNXMessage.tensor.child(13) == .pair)
        #expect(ONNXMessage.graph.child(11) == .value && ONNXMessage.value.leadsToTensors == false)
        #expect(ONNXMessage.model.child(2) == nil && ONNXMessage.pair.child(1) == nil && ONNXMessage.leaf.child(1) == nil)
    }
}
