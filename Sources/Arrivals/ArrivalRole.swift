/// What a file is for: which spool folder it was dropped into.
package enum ArrivalRole: String, Codable, Sendable, CaseIterable {
    case model, labelled, data
}
