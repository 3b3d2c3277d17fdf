import ArgumentParser
import Arrivals
import Foundation
import Ledger

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what happened, oldest first; with --follow, go on as it happens.",
        discussion: """
            Every event has a number that rises by one and is never used again: glue that keeps the last number it saw, and passes it as --after, \
            misses none and sees none twice. The oldest events are dropped after some 100,000.
            """)

    @OptionGroup var root: RootOption
    @Flag(name: .long, help: "Go on until stopped; waits where there is no ledger yet.") var follow = false
    @Option(name: .long, help: "Only events numbered above this one.") var after: Int64 = 0
    @Flag(name: .long, help: "Print one JSON object a line.") var json = false

    private static let interval = 0.2

    func run() throws {
        let ledger = try opened()
        var last = after
        while true {
            let events = try worded { try ledger.events(after: last) }
            for event in events { try show(event) }
            guard StandardStreams.flush() else { throw ExitStatus.problems }
            last = events.last?.sequence ?? last
            if !events.isEmpty { continue }
            guard follow else { return }
            Thread.sleep(forTimeInterval: Self.interval)
        }
    }

    private func opened() throws -> RunLedger {
        let stateDirectory = try root.stateDirectory
        var hasSaid = false
        while true {
            do throws(LedgerError) {
                return try RunLedger(stateDirectory: stateDirectory, readOnly: true)
            } catch {
                guard case .missing = error, follow else { throw fail(error) }
                if !hasSaid { _ = fail("\(error) Waiting for it.") }
                hasSaid = true
                Thread.sleep(forTimeInterval: Self.interval)
            }
        }
    }

    private func show(_ event: Event) throws {
        if json {
            let encoder = JSONEncoder()
            var object = try JSONSerialization.jsonObject(with: encoder.encode(event)) as? [String: Any] ?? [:]
            if let payload = event.payload { object["payload"] = try JSONSerialization.jsonObject(with: Data(payload.utf8)) }
            let line = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
            Swift.print(String(decoding: line, as: UTF8.self))
            return
        }
        let facts = [
            event.pipeline, event.role.map { "\($0.rawValue) \(event.file ?? "")" }, event.arrival.map { "arrival \($0)" },
            event.run.map { "run \($0)" }, event.outputs.flatMap { $0.isEmpty ? nil : "made \($0.map(shownPath).joined(separator: ", "))" },
            event.payload,
        ].compactMap { $0 }
        print("\(event.sequence)  \(event.at)  \(event.kind)  \(facts.joined(separator: "  "))")
    }
}
