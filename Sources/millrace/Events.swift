import ArgumentParser
import Arrivals
import Foundation
import Ledger
import Reports
import Terminal

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what happened, oldest first; with --follow, go on as it happens.",
        discussion: """
            Every event has a number that rises by one and is never used again: glue that keeps the last number it saw, and passes it as \
            --after, misses none and sees none twice. The oldest events are dropped after some 100,000.
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
            let events = try reportingErrors { try ledger.events(after: last) }
            for event in events { Swift.print(json ? try event.jsonLine() : event.line.text) }
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
}
