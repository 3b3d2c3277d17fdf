import Tensors
import Testing

@Suite struct ShapeTests {
    @Test(
        arguments: [
            (Shape([]), 1), (Shape([3]), 3), (Shape([2, 3, 4]), 24), (Shape([5, 0, 7]), 0), (Shape([Int.max, 2, 0]), 0),
        ] as [(Shape, Int)])
    func elementCount(shape: Shape, count: Int) { #expect(shape.elementCount == count) }

    @Test(arguments: [Shape([Int.max, 2]), Shape([1 << 32, 1 << 32]), Shape([-1])])
    func noElementCountWhereTheProductIsNoSize(shape: Shape) { #expect(shape.elementCount == nil) }

    @Test func stridesAreRowMajor() { #expect(Shape([2, 3, 4]).strides == [12, 4, 1]) }
}

@Suite struct ElementTypeTests {
    @Test(
        arguments: [
            (.int4, 3, 2), (.uint2, 5, 2), (.bool, 7, 7), (.float16, 3, 6), (.complex128, 2, 32), (.float4e2m1, 0, 0),
        ] as [(ElementType, Int, Int)])
    func packedByteCount(type: ElementType, count: Int, bytes: Int) { #expect(type.byteCount(elements: count) == bytes) }

    @Test func noByteCountForStringsOrOverflow() {
        #expect(ElementType.string.byteCount(elements: 3) == nil)
        #expect(ElementType.float64.byteCount(elements: Int.max / 8) == nil)
    }

    @Test func rawValuesAreThoseOfTheFormat() {
        #expect(ElementType.allCases.map(\.rawValue) == Array(1...26))
    }
}

@Suite struct TensorTests {
    @Test func valuesComeBack() {
        let tensor = Tensor(.float32, [2, 2], [1, 2, 3, 4] as [Float])
        #expect(tensor.values(as: Float.self) == [1, 2, 3, 4])
        #expect(tensor.values(as: Double.self) == nil)
    }

    @Test func bytesOfALargerBufferAreCut() {
        let tensor = Tensor(elementType: .int16, shape: [3], buffer: TensorBuffer(byteCount: 64))
        #expect(tensor.bytes.count == 6)
    }

    @Test func wrongByteCountIsRefused() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(bytes.withUnsafeBytes { Tensor(elementType: .int16, shape: [2], bytes: $0) } == nil)
        #expect(Tensor(zeros: .float32, shape: [1 << 40, 1 << 40]) == nil)
    }
}

@Suite struct NamePatternTests {
    @Test(
        arguments: [
            ("*", "anything", true), ("*.bias", "layer.bias", true), ("*.bias", "layer.bias.x", false),
            ("layer.?.weight", "layer.1.weight", true),
            ("layer.?.weight", "layer.12.weight", false), ("*a*b", "xaxbxab", true), ("", "", true), ("", "x", false),
            ("w[0]", "w[0]", true),
            ("a*", "a/b/c", true), ("gr?ße", "größe", true), ("pixel_*", "pixel", false),
        ] as [(String, String, Bool)])
    func starsAndQuestionMarksStandForCharacters(pattern: String, name: String, matches: Bool) {
        #expect(NamePattern(pattern).matches(name) == matches)
    }

    @Test func oneOfSeveralPatternsAndNamesIsEnough() {
        #expect(["*.bias", "conv1.*"].matchesAny(of: "node7", "conv1.weight"))
        #expect(!["*.bias", "conv1.*"].matchesAny(of: "node7", "conv2.weight"))
    }
}
