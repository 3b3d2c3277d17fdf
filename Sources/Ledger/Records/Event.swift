package import Arrivals

/// Describes something that happened, for programs that follow the events.
package struct Event: Hashable, Codable, Sendable {
    /// The number of the event. It rises by one with each event; the oldest events are dropped, and numbers are never reused.
    package var sequence: Int64
    package var at: UTCTime
    package var kind: String
    package var pipeline: String?
    package var arrival: Int64?
    package var run: Int64?
    /// Further facts, as the text of a JSON object.
    package var payload: String?
    /// The file that it is about, relative to its spool.
    package var file: String?
    package var role: ArrivalRole?
    /// The files that the run published, for an event of the kind `done`.
    package var outputs: [String]?
}

package struct NewEvent: Hashable, Sendable {
    package var kind: String
    package var pipeline: String?
    package var arrival: Int64?
    package var run: Int64?
    package var payload: String?

    package init(_ kind: String, pipeline: String? = nil, arrival: Int64? = nil, run: Int64? = nil, payload: String? = nil) {
        self.kind = kind
        self.pipeline = pipeline
        self.arrival = arrival
        self.run = run
        self.payload = payload
    }
}
