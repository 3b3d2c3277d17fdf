import Testing

@testable import Training

@Suite struct RowPermutationTests {
    @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 100, 397, 1000, 4097])
    func everyRowComesOnce(count: Int) {
        for epoch in 1...3 {
            let order = RowPermutation(count: count, seed: 7, epoch: epoch)
            #expect(Set((0..<count).map { order[$0] }) == Set(0..<count))
        }
    }

    @Test func theOrderChangesWithSeedAndEpochAndWithNothingElse() {
        func order(_ seed: UInt64, _ epoch: Int) -> [Int] {
            let order = RowPermutation(count: 500, seed: seed, epoch: epoch)
            return (0..<500).map { order[$0] }
        }
        #expect(order(1, 1) == order(1, 1))
        #expect(order(1, 1) != order(1, 2))
        #expect(order(1, 1) != order(2, 1))
        #expect(order(1, 1) != Array(0..<500))
    }

    /// Each row should come about as often in the first half of the order as in the second.
    @Test func noRowIsPreferred() {
        var early = [Int](repeating: 0, count: 64)
        for epoch in 1...400 {
            let order = RowPermutation(count: 64, seed: 3, epoch: epoch)
            for position in 0..<32 { early[order[position]] += 1 }
        }
        // Binomial of 400 halves: 200 give or take 10 at one standard deviation.
        #expect(early.allSatisfy { (150...250).contains($0) }, "\(early)")
    }

    /// A run that is resumed by another build must go on in the order that it began with.
    @Test func theOrderIsFixed() {
        let order = RowPermutation(count: 10, seed: 1, epoch: 1)
        #expect((0..<10).map { order[$0] } == Self.fixed)
    }
    private static let fixed = [9, 8, 4, 5, 7, 2, 6, 1, 0, 3]

    @Test func hugeCountsTakeNoMemory() {
        let order = RowPermutation(count: 1 << 40, seed: 1, epoch: 1)
        let drawn = Set((0..<1000).map { order[$0] })
        #expect(drawn.count == 1000)
        #expect(drawn.max()! > 1 << 38)
    }
}
