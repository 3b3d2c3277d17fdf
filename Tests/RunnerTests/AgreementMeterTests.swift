import Attempts
import Tensors
import Testing

@testable import Runner

/// Expected values are NumPy's, written beside them.
@Suite struct AgreementMeterTests {
    @Test func cosineErrorAndTopAreThoseOfTheWholeOutput() throws {
        // a = [[1, 2, 3], [4, 5, 6]], b = [[1, 2, 2.5], [6, 5, 4]]
        var meter = AgreementMeter("y")
        meter.add([1, 2, 3], original: [1, 2, 2.5], width: 3, rows: 1)
        meter.add([4, 5, 6], original: [6, 5, 4], width: 3, rows: 1)
        let result = meter.result
        // (a*b).sum() / norm(a) / norm(b) = 0.95236…; norm(a - b) / norm(b) = 0.30802…
        #expect(abs(result.cosine! - 85.5 / (91.0 * 88.25).squareRoot()) < 1e-12)
        #expect(abs(result.relativeError! - (8.25 / 88.25).squareRoot()) < 1e-12)
        #expect(result.sameTop == 0.5 && result.rows == 2 && result.nonFinite == 0)
    }

    @Test func whatIsNotFiniteInOneOnlyIsCounted() {
        var meter = AgreementMeter("y")
        meter.add([.nan, .infinity, 1, .nan], original: [.nan, .infinity, .nan, 2], width: nil, rows: 1)
        #expect(meter.result.nonFinite == 2 && meter.result.sameTop == nil)
    }

    @Test func theGreatestValueOfAnEmbeddingMeansNothing() {
        var embedding = AgreementMeter("e")
        embedding.add([0.8, 0.6], original: [0.6, -0.8], width: 2, rows: 1)
        #expect(embedding.result.sameTop == nil)
        var certain = AgreementMeter("p")
        certain.add([0, 1], original: [1, 0], width: 2, rows: 1)
        #expect(certain.result.sameTop == 0)
    }

    @Test func zerosAgreeWithZerosAlone() {
        var same = AgreementMeter("y"), other = AgreementMeter("y")
        same.add([0, 0], original: [0, 0], width: 2, rows: 1)
        other.add([0, 1], original: [0, 0], width: 2, rows: 1)
        #expect(same.result.cosine == 1 && same.result.relativeError == 0)
        #expect(other.result.cosine == 0)
    }

    @Test func labelsAndTextsAreEqualOrNot() {
        var meter = AgreementMeter("label")
        guard case .codes(let found) = OutputElements(Tensor(strings: ["a", "b", "c"], shape: [3])),
            case .codes(let original) = OutputElements(Tensor(strings: ["a", "x", "c"], shape: [3]))
        else {
            Issue.record("texts are no codes")
            return
        }
        meter.add(found, original: original, rows: 3)
        #expect(abs(meter.result.sameTop! - 2.0 / 3) < 1e-12 && meter.result.cosine == nil)
    }
}
