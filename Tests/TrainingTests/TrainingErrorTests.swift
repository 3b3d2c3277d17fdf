import Testing
import Training

@Test func divergenceNamesTheStepAndTheLayer() {
    #expect(
        "\(TrainingError.diverged(step: 7, layer: "node Gemm 'fc'", remedy: "lower the learning rate"))"
            == "step 7: node Gemm 'fc' is not finite; lower the learning rate")
}
