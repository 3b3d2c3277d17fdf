import Reports
import Testing

@Suite struct LossCurveTests {
    @Test func fallingLossFalls() {
        let curve = LossCurve(
            [.init("training loss", mark: "*", [1, 0.5, 0.25, 0]), .init("validation loss", mark: "o", [nil, 1, 0.5, 0.5])],
            width: 10, height: 5)
        #expect(
            curve.lines == [
                "  1 |*  o",
                "    |",
                "0.5 |   *  o  o",
                "    |      *",
                "  0 |         *",
                "    +----------",
                "     1        4  epoch",
                "     * training loss   o validation loss",
            ])
    }

    @Test func historiesAreDrawnFromTheirFirstEpoch() {
        let lines = LossCurve.losses(training: [nil, 1, 0.5], validation: [2, 1.5, 1], firstEpoch: 0, width: 9, height: 3).lines
        #expect(lines[0] == "   2 |o")
        #expect(lines[2] == " 0.5 |        *")
        #expect(lines[4] == "      0       2  epoch")
    }

    @Test func oneEpochIsOnePoint() {
        #expect(
            LossCurve([.init("loss", mark: "*", [0.25])], height: 3).lines == [
                "0.25 |", "0.25 |*", "0.25 |", "     +-", "      1  epoch", "      * loss",
            ])
    }

    @Test func whatIsNoNumberIsNotDrawn() {
        #expect(LossCurve([.init("loss", mark: "*", [.nan, nil, .infinity])]).lines == [])
        #expect(LossCurve([]).lines == [])
        #expect(LossCurve([.init("loss", mark: "*", [1, .nan, 0])], width: 5, height: 2).lines.prefix(2) == ["1 |*", "0 |    *"])
    }

    @Test func manyEpochsShareColumns() throws {
        let lines = LossCurve([.init("loss", mark: "*", (0..<1000).map { Double(1000 - $0) })], width: 40, height: 4).lines
        try #require(lines.count > 3 && lines.allSatisfy { $0.count <= 60 })
        #expect(lines[0].contains("*") && lines[3].hasSuffix("*"))
    }
}
