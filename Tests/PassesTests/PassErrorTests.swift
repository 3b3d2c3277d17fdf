import Passes
import Testing

@Test func aPassErrorNamesThePassThePlaceTheReasonAndTheRemedy() {
    let error = PassError(pass: "raise_opset", place: "node Upsample 'up'", reason: "its scales are computed", remedy: "export it again")
    #expect("\(error)" == "raise_opset: node Upsample 'up': its scales are computed; export it again")
}
