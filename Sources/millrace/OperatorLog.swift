import Foundation
import Logging
import Reasons

/// One line an entry on standard error: text for people, JSON for machines.
struct OperatorLog: LogHandler {
    var logLevel = Logger.Level.notice
    var metadata: Logger.Metadata = [:]
    let label: String
    let isJSON: Bool

    init(label: String, isJSON: Bool) {
        self.label = label
        self.isJSON = isJSON
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.map { (key: $0.key, value: "\($0.value)") }.sorted { $0.key < $1.key }
        let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
        var line: String
        if isJSON {
            var fields = Dictionary(pairs.map { ($0.key, $0.value) }) { $1 }
            fields["time"] = time
            fields["level"] = event.level.rawValue
            fields["message"] = event.message.description
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            line = (try? encoder.encode(fields)).map { String(decoding: $0, as: UTF8.self) } ?? event.message.description
        } else {
            let facts = pairs.map { "\($0.key)=\($0.value.printable)" }.joined(separator: " ")
            line = "\(time) \(event.level.rawValue) \(event.message.description.printable)\(facts.isEmpty ? "" : "  " + facts)"
        }
        printError(line)
    }
}
