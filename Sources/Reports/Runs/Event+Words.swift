import Arrivals
import Foundation
package import Ledger

extension Event {
    /// The event in words.
    package var line: Printed {
        let facts = [
            pipeline, role.map { "\($0.rawValue) \(file ?? "")" }, arrival.map { "arrival \($0)" }, run.map { "run \($0)" },
            outputs.flatMap { $0.isEmpty ? nil : "made \($0.map(shownPath).joined(separator: ", "))" }, payload,
        ].compactMap { $0 }
        return "\(sequence)  \(at)  \(kind)  \(facts.joined(separator: "  "))"
    }

    /// Returns the event as one line of JSON, its payload as an object in it.
    package func jsonLine() throws -> String {
        var object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(self)) as? [String: Any] ?? [:]
        if let payload { object["payload"] = try JSONSerialization.jsonObject(with: Data(payload.utf8)) }
        let line = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: line, as: UTF8.self)
    }
}
