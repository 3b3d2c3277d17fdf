import Testing
import Training

@Test func divergenceNamesTheStepAndTheLayer() {
    #expect("\(TrainingError.diverged(step: 7, layer: "fc", remedy: "lower the learning rate"))" == "step 7: 'fc' is not finite; lower the learning rate")
}
