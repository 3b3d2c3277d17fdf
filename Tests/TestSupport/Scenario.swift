import Foundation

/// A text scenario from Tests/Semantics: what happens to a folder, and what must then hold. One statement a line; `#` comments, the
/// first of which is the title. Contents are tokens: models `plusN` (adds N), `broken` (no ONNX), `misfit` (other inputs); data
/// `rowsN`, `bad` (a word where a number belongs); labels `labelsN` (x + N is right), `outliers` (a few far from x, which the gate refuses
/// to follow), `fewN` and a letter (twenty rows of their own; two such files are too few for `with rows_at_least 10`, three are enough),
/// `badlabels` (a word where a number belongs). In a scenario that drops labels the pipeline trains, `with train_on all` on all that it was
/// given; `with adapters beside` it trains adapters that land beside the model. `manyN` is data that takes a while.
///
/// Names that begin with `q/` are those of a second pipeline, `q`. `with jobs N` says how many workers there are.
package struct Scenario: Sendable, CustomStringConvertible {
    package enum Role: String, Sendable { case model, labelled, data }
    package enum State: String, Sendable { case done, waiting, rejected, quarantined, superseded, ignored }

    package enum Statement: Sendable, Equatable {
        case with(key: String, value: String)
        case drop(Role, name: String, content: String)
        /// Someone deletes a file from its spool.
        case delete(name: String)
        case plant(output: String)
        /// Someone begins to write other content into a file of the data spool, and has it open half written.
        case begin(name: String, content: String)
        /// The rest is written, and the file closed.
        case finish(name: String)
        case settle, start, stop, kill, pause, resume
        /// Until that input is done, whatever else goes on.
        case await(String)
        case activate(Int)
        case pin(Int)
        case unpin
        case retry(String)
        case replay(String)
        case expectState(name: String, State, version: Int?)
        case expectOutput(String, content: String, version: Int)
        case expectNoOutput(String)
        case expectPlanted(String)
        /// As many lines of the manifest are about that input.
        case expectLines(name: String, Int)
        case expectInput(String, isThere: Bool)
        case expectVersions([Int])
        /// What the model of that version adds to x.
        case expectAdds(version: Int, Int)
        case expectParent(version: Int, Int)
        /// The model file of that version is byte for byte that of another.
        case expectModel(version: Int, of: Int)
        case expectActive(Int)
        case expectRuns(name: String, Int)
        case expectOrder(first: String, second: String)
    }

    package struct Line: Sendable {
        package let number: Int
        package let text: String
        package let statement: Statement
    }

    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    package let name: String
    package let title: String
    package let lines: [Line]

    package var description: String { name }

    package var trains: Bool {
        lines.contains { line in
            if case .drop(.labelled, _, _) = line.statement { true } else { false }
        }
    }

    /// Whether an output goes with its input.
    package var removesOutputs: Bool { lines.contains { $0.statement == .with(key: "on_input_deleted", value: "remove") } }

    package var hasAdapters: Bool { lines.contains { $0.statement == .with(key: "adapters", value: "beside") } }

    /// A name as the scenario says it: whose it is, and what it is called there.
    package struct Place: Sendable {
        package let pipeline: String
        package let name: String
        /// Where the pipeline's folders are, relative to the root.
        package var folder: String { pipeline == "p" ? "" : pipeline + "/" }

        package init(_ name: String) {
            pipeline = name.hasPrefix("q/") ? "q" : "p"
            self.name = pipeline == "p" ? name : String(name.dropFirst(2))
        }
    }

    package var jobs: Int? {
        lines.compactMap { if case .with("jobs", let value) = $0.statement { Int(value) } else { nil } }.first
    }

    /// The pipelines that the scenario is about, by name: `p`, and `q` where it is named.
    package var pipelines: [String: String] {
        let hasSecond = lines.contains { if case .drop(_, let name, _) = $0.statement { Place(name).pipeline == "q" } else { false } }
        let second = pipeline.replacing("name: p\n", with: "name: q\n").replacing("spool/", with: "q/spool/").replacing(
            "out/", with: "q/out/")
        return hasSecond ? ["p": pipeline, "q": second] : ["p": pipeline]
    }

    private var pipeline: String {
        var settings = ""
        var trainOn = "new"
        var gateRows = "1"
        for case .with(let key, let value) in lines.map(\.statement) where key != "adapters" && key != "jobs" {
            if key == "train_on" {
                trainOn = value
            } else if key == "rows_at_least" {
                gateRows = value
            } else {
                settings += "\(key): \(value)\n" + (key == "after" ? "archive: archive\n" : "")
            }
        }
        // A product of two factors takes more and smaller steps than a sum.
        let steps =
            hasAdapters
            ? "optimizer: { sgd: { learning_rate: 0.05 } }, epochs: 100, adapters: { rank: 1, targets: [addend], merge: false }"
            : "optimizer: { sgd: { learning_rate: 0.5 } }, epochs: 2, train: [addend]"
        let gradient = "loss: mean_squared_error, \(steps), batch_size: 100, train_on: \(trainOn)"
        let optimize = "optimize: { gradient: { \(gradient) }, gate: { metric: mae, rows_at_least: \(gateRows) } }, "
        return """
            name: p
            spool: { models: spool/models, \(trains ? "labelled: spool/labelled, " : "")data: spool/data }
            settle: { quiet: 200ms }
            schema: { key: [id], keep: [id], \(trains ? "label: y, " : "")inputs: { x: { columns: x } } }
            stages: [ deserialize: {}, \(trains ? optimize : "")forward: {} ]
            land: { models: out/models, outputs: { path: out/outputs, format: csv } }
            \(settings)
            """
    }

    package init(name: String, text: String) throws {
        self.name = name
        var title: String?
        var lines: [Line] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if trimmed.hasPrefix("#") {
                if title == nil { title = String(trimmed.dropFirst(2)) }
                continue
            }
            if trimmed.isEmpty { continue }
            guard let statement = Self.statement(trimmed.split(separator: " ").map(String.init)) else {
                throw Unreadable(description: "\(name).scenario:\(index + 1): not a statement: \(trimmed)")
            }
            lines.append(Line(number: index + 1, text: trimmed, statement: statement))
        }
        self.title = title ?? name
        self.lines = lines
    }

    /// All of Tests/Semantics, by name. A folder that has none is a broken checkout, and says so.
    package static func all(file: String = #filePath) throws -> [Scenario] {
        let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
        let folder = tests.appendingPathComponent("Semantics")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".scenario") }.sorted()
        guard !names.isEmpty else { throw Unreadable(description: "no scenario in \(folder.path)") }
        return try names.map { name in
            try Scenario(
                name: String(name.dropLast(".scenario".count)),
                text: String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
        }
    }

    private static func statement(_ words: [String]) -> Statement? {
        switch (words[0], words.count) {
        case ("with", 3...): .with(key: words[1], value: words[2...].joined(separator: " "))
        case ("drop", 4): Role(rawValue: words[1]).map { .drop($0, name: words[2], content: words[3]) }
        case ("delete", 2): .delete(name: words[1])
        case ("plant", 2): .plant(output: words[1])
        case ("begin", 3): .begin(name: words[1], content: words[2])
        case ("finish", 2): .finish(name: words[1])
        case ("settle", 1): .settle
        case ("await", 2): .await(words[1])
        case ("start", 1): .start
        case ("stop", 1): .stop
        case ("kill", 1): .kill
        case ("pause", 1): .pause
        case ("resume", 1): .resume
        case ("activate", 2): Int(words[1]).map { .activate($0) }
        case ("pin", 2): Int(words[1]).map { .pin($0) }
        case ("unpin", 1): .unpin
        case ("retry", 2): .retry(words[1])
        case ("replay", 2): .replay(words[1])
        case ("expect", 3...): expectation(Array(words.dropFirst()))
        default: nil
        }
    }

    private static func expectation(_ words: [String]) -> Statement? {
        switch (words[0], words.count) {
        case ("output", 6) where words[2] == "from" && words[4] == "version":
            Int(words[5]).map { .expectOutput(words[1], content: words[3], version: $0) }
        case ("no", 3) where words[1] == "output": .expectNoOutput(words[2])
        case ("planted", 2): .expectPlanted(words[1])
        case ("lines", 3): Int(words[2]).map { .expectLines(name: words[1], $0) }
        case ("input", 3) where words[2] == "there" || words[2] == "gone": .expectInput(words[1], isThere: words[2] == "there")
        case ("versions", _): .expectVersions(words.dropFirst().compactMap { Int($0) })
        case ("active", 2): Int(words[1]).map { .expectActive($0) }
        case ("version", 4) where words[2] == "adds" || words[2] == "parent":
            Int(words[1]).flatMap { version in
                Int(words[3]).map { words[2] == "adds" ? .expectAdds(version: version, $0) : .expectParent(version: version, $0) }
            }
        case ("runs", 3): Int(words[2]).map { .expectRuns(name: words[1], $0) }
        case ("version", 5) where words[2] == "model" && words[3] == "of":
            Int(words[1]).flatMap { version in Int(words[4]).map { .expectModel(version: version, of: $0) } }
        case ("arrival", 4) where words[2] == "before": .expectOrder(first: words[1], second: words[3])
        case (_, 2): State(rawValue: words[1]).map { .expectState(name: words[0], $0, version: nil) }
        case (_, 4) where words[2] == "version":
            State(rawValue: words[1]).flatMap { state in
                Int(words[3]).map { .expectState(name: words[0], state, version: $0) }
            }
        default: nil
        }
    }
}
