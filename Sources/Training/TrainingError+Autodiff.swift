import Autodiff

extension TrainingError {
    /// The remedy is in the error's own words where it has one.
    init(_ error: AutodiffError) {
        self = .badModel(reason: "\(error)", remedy: "`millrace gradients MODEL --list` says what in it can be trained")
    }
}
