import Tensors
import Testing

@Suite struct RowsTests {
    /// Against indices, written out.
    @Test(arguments: [(0, 1), (0, 2), (1, 0), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (1, 1)])
    func anAxisMoves(from: Int, to: Int) throws {
        let extents = [2, 3, 4, 5]
        let values = (0..<120).map { Int32($0) }
        let moved = try #require(Tensor(.int32, Shape(extents), values).movingAxis(from, to: to))
        var order = Array(0..<4)
        order.insert(order.remove(at: from), at: to)
        #expect(moved.shape.dimensions == order.map { extents[$0] })
        let strides = [60, 20, 5, 1]
        var expected: [Int32] = []
        for a in 0..<extents[order[0]] {
            for b in 0..<extents[order[1]] {
                for c in 0..<extents[order[2]] {
                    for d in 0..<extents[order[3]] {
                        expected.append(
                            Int32(a * strides[order[0]] + b * strides[order[1]] + c * strides[order[2]] + d * strides[order[3]]))
                    }
                }
            }
        }
        #expect(moved.values(as: Int32.self) == expected)
        let texts = try #require(Tensor(strings: values.map(String.init), shape: Shape(extents)).movingAxis(from, to: to))
        #expect(texts.strings == expected.map(String.init))
    }

    @Test func rowsAreRepeatedAndCut() throws {
        let three = Tensor(.float32, [3, 2], [1, 2, 3, 4, 5, 6] as [Float])
        #expect(three.rows(2)?.values(as: Float.self) == [1, 2, 3, 4])
        #expect(three.rows(5)?.values(as: Float.self) == [1, 2, 3, 4, 5, 6, 5, 6, 5, 6])
        let texts = Tensor(strings: ["a", "b"], shape: [2])
        #expect(texts.rows(4)?.strings == ["a", "b", "b", "b"])
        #expect(texts.rows(1)?.strings == ["a"])
        #expect(Tensor(.float32, [0, 2], [] as [Float]).rows(2) == nil)
        #expect(Tensor(.int16, repeating: Tensor(.int16, [2], [7, 8] as [Int16]), count: 2).values(as: Int16.self) == [7, 8, 7, 8])
        #expect(try #require(Tensor(zeros: .int4, shape: [2, 2])).movingAxis(0, to: 1) == nil)
    }
}
