import Autodiff
import Reasons

extension TrainingError {
    init(_ error: AutodiffError) {
        let remedy =
            switch error {
            case .noRule, .nothingTrainable: "`millrace gradients MODEL --list` says what in it can be trained"
            case .invalid, .unknownValue: "change what is asked of the model, or export it so that it fits"
            }
        self = .badModel(reason: "\(error)", remedy: remedy)
    }
}
