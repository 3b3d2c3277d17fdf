/// Says what a file is for, by the spool folder that it was dropped into.
package enum ArrivalRole: String, Codable, Sendable, CaseIterable {
    case model, labelled, data
}
