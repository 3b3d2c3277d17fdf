import Glibc
import Tensors
import Testing

/// Memory that cannot be had is an error.
@Suite struct MemoryTests {
    @Test func whatIsFreeIsKnown() {
        let available = MachineMemory.available()
        #expect(available > 1 << 20 && available < 1 << 50)
    }

    @Test func moreThanThereIsIsAnError() {
        let tooMuch = 1 << 46
        #expect(throws: OutOfMemory.self) { try OutOfMemory.check(tooMuch) }
        #expect(throws: OutOfMemory.self) { try TensorBuffer(requested: tooMuch) }
        #expect(throws: OutOfMemory.self) { try TensorBuffer(pages: tooMuch) }
        #expect(throws: OutOfMemory.self) { try TensorBuffer(requested: -1) }
    }

    @Test(arguments: [0, 1, 63, 64, 100_000, 65 << 20])
    func requestedMemoryIsZeroAndAligned(byteCount: Int) throws {
        let buffer = try TensorBuffer(requested: byteCount)
        #expect(Int(bitPattern: buffer.address) % 64 == 0)
        let pages = try TensorBuffer(pages: byteCount)
        withExtendedLifetime((buffer, pages)) {
            #expect(buffer.byteCount == byteCount && buffer.bytes.allSatisfy { $0 == 0 })
            buffer.mutableBytes.initializeMemory(as: UInt8.self, repeating: 7)
            #expect(pages.bytes.allSatisfy { $0 == 0 })
        }
    }

    @Test func sizesAreShownAsPeopleSayThem() {
        #expect(OutOfMemory(needed: 4 << 30, available: 300 << 20).description == "not enough memory: 4.0 GiB are needed, and 300 MiB are free")
        #expect(OutOfMemory.shown(.max) == "8589934591.9 GiB")
    }
}
