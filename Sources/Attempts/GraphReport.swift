package import Recipes

/// Tells what the graph passes of the optimize stage did to a model.
package struct GraphReport: Codable, Sendable, Hashable {
    /// Tells what the passes changed; nil where they could not run.
    package var changes: GraphChanges?
    /// How near the outputs of the rewritten model are to those of the model before.
    package var agreement: [OutputAgreement] = []
    /// Why the model lands as it was; nil where the rewritten one lands, or where there was nothing to change.
    package var refusal: String?

    package init() {}
}
