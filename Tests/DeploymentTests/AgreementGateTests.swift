import Attempts
import Recipes
import Testing

@testable import Deployment

@Suite struct AgreementGateTests {
    private func output(cosine: Double? = 1, sameTop: Double? = 1, nonFinite: Int = 0) -> OutputAgreement {
        OutputAgreement(output: "y", rows: 10, cosine: cosine, relativeError: 0, sameTop: sameTop, nonFinite: nonFinite)
    }

    @Test func whatAgreesPasses() {
        #expect(AgreementGate.strict.refusal(of: [output(), output(cosine: 0.99995), output(cosine: nil), output(sameTop: nil)]) == nil)
    }

    @Test func everyFaultIsNamed() {
        #expect(AgreementGate.strict.refusal(of: []) == "no output was compared")
        #expect(AgreementGate.strict.refusal(of: [output(), output(cosine: 0.9998)]) == "y: cosine 0.9998, below 0.9999")
        #expect(AgreementGate.strict.refusal(of: [output(sameTop: 0.999)])?.contains("in 0.999 of the rows, less than 1") == true)
        #expect(AgreementGate.strict.refusal(of: [output(nonFinite: 2)])?.contains("2 values are not finite") == true)
    }
}
