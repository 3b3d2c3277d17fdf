package import Arrivals

extension AttemptSpec {
    private static let (modelKey, executionKey, formKey) = ("millrace.model.digest", "millrace.execution", "millrace.form.digest")

    /// The way in which the model is executed, among the facts that go into the output; nil where measurements do not decide it.
    package var execution: OutputExecution? {
        get { provenance[Self.executionKey].map { OutputExecution(way: $0, formDigest: provenance[Self.formKey]) } }
        set {
            provenance[Self.executionKey] = newValue?.way
            provenance[Self.formKey] = newValue?.formDigest
        }
    }

    /// The digest of the version that scores, among the facts that go into the output: another than that of the file that is executed,
    /// where that is a form of the version.
    package var versionDigest: String { provenance[Self.modelKey] ?? model.digest }
}
