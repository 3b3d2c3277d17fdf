package import Attempts
package import Recipes

/// Holds a form of a model as it was made, and what was found out about it.
package struct FormResult: Codable, Sendable, Hashable {
    package var form: ModelForm
    /// The files, by absolute paths: the model, and beside it its weights where these are large. Their maker puts them where they stay.
    package var files: [AttemptResult.WrittenFile]
    /// The layers that stay in float because they would cause the most error, the worst first.
    package var float: [String] = []
    /// What has the form and what has not, and the errors that layers cause where they were ranked.
    package var rewriting: Rewriting
    /// The seconds that making it took, with all refinements.
    package var seconds: Double

    package init(form: ModelForm, files: [AttemptResult.WrittenFile], float: [String] = [], rewriting: Rewriting, seconds: Double) {
        self.form = form
        self.files = files
        self.float = float
        self.rewriting = rewriting
        self.seconds = seconds
    }

    /// The model, as attempts name it; nil where there is no such file.
    package var model: AttemptSpec.InputFile? {
        files.first { $0.name == AttemptSpec.RewrittenFiles.name }.map { .init(path: $0.path, digest: $0.digest) }
    }
}
