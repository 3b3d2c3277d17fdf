import Arrivals
import FileSystem
import Foundation
import Ledger
import Logging
import Reasons
import Terminal

/// Writes each entry as one line to standard error: text for people, JSON for machines.
struct OperatorLog: LogHandler {
    var logLevel = Logger.Level.notice
    var metadata: Logger.Metadata = [:]
    let isJSON: Bool

    init(isJSON: Bool) {
        self.isJSON = isJSON
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = metadata.merging(event.metadata ?? [:]) { $1 }
        let time = UTCTime.now.description
        var line: String
        if isJSON {
            var fields = facts.mapValues(JSONValue.init)
            fields["time"] = .text(time)
            fields["level"] = .text(event.level.rawValue)
            fields["message"] = .text(event.message.description)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            line = (try? encoder.encode(fields)).map { String(decoding: $0, as: UTF8.self) } ?? event.message.description
        } else {
            let pairs = facts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.description.printable)" }
            line =
                "\(time) \(event.level.rawValue) "
                + "\(event.message.description.printable)\(pairs.isEmpty ? "" : "  " + pairs.joined(separator: " "))"
        }
        printError(line)
    }
}
