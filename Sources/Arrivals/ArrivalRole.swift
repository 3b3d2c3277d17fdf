/// Says what a file is for: the spool folder that it was dropped into.
package enum ArrivalRole: String, Codable, Sendable, CaseIterable {
    case model, labelled, data
}
