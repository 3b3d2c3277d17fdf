import Autodiff
import Testing

@Test func aMissingRuleNamesTheNodeThePathAndWhatToDo() {
    let error = AutodiffError.noRule(
        node: "node Loop 'l'", operatorType: "Loop", path: ["loss", "l", "w"], reason: "its trip count is not static")
    #expect("\(error)".contains("loss <- l <- w"))
    #expect("\(error)".contains("freeze"))
}
