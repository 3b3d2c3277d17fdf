import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

/// A bad cell of every kind, each with a marker in it. The daemon and the commands tell it in a field of its own, or, where values are
/// hidden, as they are by default, nowhere: not in the log, the ledger, the events, the notes in quarantine, the cards, or what commands
/// print.
@Suite(.serialized) struct HiddenValueTests {
    struct Bad: Sendable {
        let path: String, text: String, marker: String
        /// What the sentence says in place of the value; nil where it is not about one.
        let words: String?

        init(_ path: String, _ text: String, _ marker: String, _ words: String?) {
            (self.path, self.text, self.marker, self.words) = (path, text, marker, words)
        }
    }

    private static func csv(
        id: String = "7", code: String = "1", f: String = "1", i: String = "2", b: String = "true", s: String = "2024-01-01",
        g: String = "0",
        more: String = ""
    ) -> String {
        "id,code,f,i,b,s,g,l_0,l_1\n6,1,1,2,true,2024-01-01,0,0.5,0.5\n\(id),\(code),\(f),\(i),\(b),\(s),\(g),0.5,0.5\(more)\n"
    }

    private static func json(id: String = "7", code: String = "1", f: String = "1", l: String = "[0.5,0.5]") -> String {
        func line(_ id: String, _ code: String, _ f: String, _ l: String) -> String {
            "{\"id\":\(id),\"code\":\(code),\"f\":\(f),\"i\":2,\"b\":true,\"s\":\"2024-01-01\",\"g\":0,\"l\":\(l)}\n"
        }
        return line("6", "1", "1", "[0.5,0.5]") + line(id, code, f, l)
    }

    static let data: [Bad] = [
        Bad("number.csv", csv(f: "ZoeNumber"), "ZoeNumber", "the value is no number"),
        Bad("range.csv", csv(i: "98765432198"), "98765432198", "the value does not fit int32"),
        Bad("boolean.csv", csv(b: "ZoeBoolean"), "ZoeBoolean", "the value is neither true nor false"),
        Bad("time.csv", csv(s: "ZoeTime"), "ZoeTime", "the value is no date or time"),
        Bad("ragged.csv", csv(more: ",ZoeRagged"), "ZoeRagged", "Expected 9 columns, got 10"),
        Bad("quote.csv", csv(f: "\"1\"ZoeQuote"), "ZoeQuote", nil),
        Bad("typed.csv", csv(code: "ZoeTyped"), "ZoeTyped", "the value is no number"),
        Bad("pinned.csv", csv(id: "ZoePinned"), "ZoePinned", "the text is not one that int64 prints"),
        Bad("lookup.csv", csv(g: "471147114711"), "471147114711", "the model failed in operator Gather"),
        Bad("word.jsonl", json(f: "\"ZoeJSON\""), "ZoeJSON", "the value is no number"),
        Bad("mixed.jsonl", json(id: "\"ZoeMixed\""), "ZoeMixed", "the value is of another kind"),
        Bad("code.jsonl", json(code: "\"ZoeCode\""), "ZoeCode", "the value is no number"),
        Bad("list.jsonl", json(l: "[1,\"ZoeList\"]"), "ZoeList", "the value is no number"),
        Bad("length.jsonl", json(l: "[1,2,13579.75]"), "13579.75", nil),
        Bad("nested.jsonl", json(f: "[\"ZoeNested\"]"), "ZoeNested", nil),
        Bad("broken.jsonl", json(f: "ZoeBroken"), "ZoeBroken", nil),
    ]

    static let labelled: [Bad] = [
        Bad("label.csv", "x,target,w\n1,ZoeLabel,1\n2,3,1\n", "ZoeLabel", "the value is no number"),
        Bad("limit.csv", "x,target,w\n1,2,1\n2,inf,1\n", "inf", "the label is not finite"),
        Bad("weight.csv", "x,target,w\n1,2,1\n2,3,-2468.5\n", "2468.5", "the weight is negative"),
        Bad("feature.csv", "x,target,w\nZoeFeature,2,1\n2,3,1\n", "ZoeFeature", "the value is no number"),
        Bad("constant.csv", "x,target,w\n1,8642.5,1\n2,8642.5,1\n", "8642.5", "is the same in every row"),
    ]

    /// Text that is no number, in formats whose columns have types. `forward` makes these files.
    static let typed: [Bad] = [
        Bad("column.parquet", "", "ZoeParquet", "the value is no number"), Bad("typed.arrow", "", "ZoeArrow", "the value is no number"),
    ]

    /// Identities of every type, a lookup that fails beyond its three rows, a pipeline that learns, and one that reads what the first
    /// writes.
    /// - Parameter shows: whether the pipelines say `show_values: true`.
    private func world(shows: Bool = false) throws -> TemporaryDirectory {
        let root = try TemporaryDirectory("hidden")
        let column = [Dimension.symbolic("N"), .fixed(1)]
        let types: [(name: String, type: ElementType)] = [("f", .float32), ("i", .int32), ("b", .bool), ("s", .string)]
        let pair = ValueType.tensor(.float32, [.symbolic("N"), .fixed(2)])
        let graph = Graph(
            name: "g",
            nodes: types.map { Node("Identity", [$0.name], [$0.name + "_out"]) } + [
                Node("Identity", ["l"], ["l_out"]), Node("Gather", ["table", "g"], ["g_out"]),
            ],
            inputs: types.map { Value($0.name, .tensor($0.type, column)) } + [Value("l", pair), Value("g", .tensor(.int64, column))],
            outputs: types.map { Value($0.name + "_out", .tensor($0.type, column)) } + [
                Value("l_out", pair), Value("g_out", .tensor(.float32, column)),
            ],
            initializers: [StoredTensor("table", Tensor(.float32, [3], [Float(1), 2, 3]))])
        let model = Model(irVersion: 8, operatorSets: [OperatorSet(domain: "", version: 17)], graph: graph)
        try root.write(Array(try model.serialized()), to: "spool/p/models/m.onnx")
        let privacy = shows ? "privacy: { show_values: true }" : ""
        func scoring(_ name: String, _ schema: String) -> String {
            """
            name: \(name)
            spool: { models: spool/\(name)/models, data: { path: spool/\(name)/data, include: all } }
            settle: { quiet: 200ms }
            schema: \(schema)
            stages: [ deserialize: {}, forward: {} ]
            land: { models: out/\(name)/models, outputs: { path: out/\(name)/o, format: csv } }
            \(privacy)

            """
        }
        let schema = "{ key: [id], keep: [id, code], types: { code: int64 }, inputs: { s: { times: iso } } }"
        try root.write(scoring("p", schema), to: "pipelines/p.yaml")
        try root.write(scoring("p", schema.replacing("iso", with: "text")), to: "make.yaml")
        try root.write(scoring("r", "{ key: [id], inputs: { x: [s_out] } }"), to: "pipelines/r.yaml")
        try root.write(TinyModel.adding(1), to: "spool/r/models/m.onnx")
        try root.write(
            """
            name: t
            spool: { models: spool/t/models, labelled: spool/t/labelled }
            settle: { quiet: 200ms }
            schema: { label: target, weight: w, inputs: { x: [x] } }
            stages:
              - deserialize: {}
              - optimize: { gradient: { loss: mean_squared_error, epochs: 2, batch_size: 4, validation: 0, train: [addend] } }
            land: { models: out/t/models }
            \(privacy)

            """, to: "pipelines/t.yaml")
        try root.write(TinyModel.adding(1), to: "spool/t/models/m.onnx")
        return root
    }

    /// Drops good files, and then the bad ones; returns the log.
    private func ran(_ root: TemporaryDirectory, _ arguments: [String]) throws -> String {
        var log = ""
        func once() throws {
            var done: DaemonProcess.CommandOutput
            repeat {
                usleep(400_000)
                done = try DaemonProcess.command(
                    ["run", "--once", root("pipelines"), "--root", root.path, "--log-format", "json"] + arguments)
                log += done.output + done.error
            } while done.status == 3
        }
        try root.write(Self.csv(), to: "spool/p/data/good.csv")
        try root.write(Self.json(), to: "spool/p/data/good.jsonl")
        try once()
        try #require(root.files().contains("out/p/o/good.csv") && root.files().contains("out/t/models/1/model.onnx"), "\(log)")
        for bad in Self.data { try root.write(bad.text, to: "spool/p/data/" + bad.path) }
        for bad in Self.labelled { try root.write(bad.text, to: "spool/t/labelled/" + bad.path) }
        try FileManager.default.createDirectory(atPath: root("spool/r/data"), withIntermediateDirectories: true)
        for bad in Self.typed {
            try root.write(Self.csv(s: bad.marker).replacing("2024-01-01", with: "12"), to: "made.csv")
            let words = [
                "forward", root("spool/p/models/m.onnx"), root("made.csv"), root("spool/r/data/" + bad.path), "--pipeline",
                root("make.yaml"),
            ]
            let made = try DaemonProcess.command(words)
            try #require(made.status == 0, "\(made.error)")
        }
        try once()
        return log
    }

    private func command(_ words: [String], _ root: TemporaryDirectory) throws -> String {
        let answer = try DaemonProcess.command(words + ["--root", root.path])
        return answer.output + answer.error
    }

    private func spooled(_ root: TemporaryDirectory) -> [(bad: Bad, file: String)] {
        Self.data.map { ($0, root("spool/p/data/" + $0.path)) } + Self.labelled.map { ($0, root("spool/t/labelled/" + $0.path)) }
            + Self.typed.map { ($0, root("spool/r/data/" + $0.path)) }
    }

    /// What the commands print.
    private func commands(_ root: TemporaryDirectory, _ more: [String]) throws -> [(name: String, bytes: Data)] {
        var all: [[String]] = [["events"], ["events", "--json"]]
        let lists = [["status"], ["runs"], ["models", "p"], ["models", "t"]]
        for words in lists + spooled(root).map({ ["explain", $0.file] }) + (1...8).map({ ["runs", "\($0)"] }) {
            all += [words + more, words + ["--json"] + more]
        }
        return try all.map { (name: $0.joined(separator: " "), bytes: Data(try command($0, root).utf8)) }
    }

    /// What the daemon wrote, apart from copies of the data itself.
    private func written(_ root: TemporaryDirectory, log: String) throws -> [(name: String, bytes: Data)] {
        let files = root.files().filter { $0.hasPrefix(".millrace/ledger") || $0.hasSuffix(".reason.json") || $0.hasSuffix("card.json") }
        #expect(files.count { $0.hasSuffix(".reason.json") } >= spooled(root).count - 1, "\(files)")
        return try [("the log", Data(log.utf8))] + files.map { ($0, Data(try root.read($0))) }
    }

    private func markers(in texts: [(name: String, bytes: Data)]) -> [String] {
        // An infinity is no word that only a cell may have.
        let markers = spooled(try! TemporaryDirectory("none")).map(\.bad.marker).filter { $0 != "inf" }
        return texts.flatMap { text in markers.filter { text.bytes.range(of: Data($0.utf8)) != nil }.map { "\(text.name): \($0)" } }
    }

    private func object(_ text: some StringProtocol) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
    }

    /// Values are hidden unless a pipeline says `show_values: true`; `run --hide-values` goes before that.
    @Test(arguments: [false, true]) func hiddenValuesAreNowhere(isHiddenByTheCommand: Bool) throws {
        let root = try world(shows: isHiddenByTheCommand)
        let log = try ran(root, isHiddenByTheCommand ? ["--hide-values"] : [])
        #expect(markers(in: try written(root, log: log)) == [])
        #expect(markers(in: try commands(root, [])) == [])
        // What is left says where the cell is, and what is wrong.
        for (bad, file) in spooled(root) {
            let said = object(try command(["explain", file, "--json"], root))
            let reason = said["reason"] as? String ?? ""
            #expect(said["cells"] == nil && reason.contains(bad.words ?? "row "), "\(bad.path): \(reason)")
        }
    }

    @Test func shownValuesAreAFieldOfTheirOwn() throws {
        let root = try world(shows: true)
        let log = try ran(root, [])
        let lines = log.split(separator: "\n").map { object($0) }
        for (bad, file) in spooled(root) {
            let said = object(try command(["explain", file, "--json"], root))
            let reason = said["reason"] as? String ?? ""
            let cells = said["cells"] as? [String: Any]
            let told = (cells?["values"] as? [String] ?? []).joined(separator: " ")
            #expect(!reason.contains(bad.marker) && reason.contains(bad.words ?? "row "), "\(bad.path): \(reason)")
            #expect((bad.words != nil) == told.contains(bad.marker), "\(bad.path): \(said)")
            guard bad.words != nil else { continue }
            #expect(said["verdict"] as? String == (bad.path == "constant.csv" ? "done" : "quarantined"), "\(bad.path): \(said)")
            let isQuoted = bad.path != "pinned.csv"
            #expect((cells?["sentence"] as? String ?? "").contains(bad.marker) == isQuoted, "\(bad.path): \(said)")
            #expect(try command(["explain", file], root).contains(bad.marker) == isQuoted, "\(bad.path)")
            let entries = lines.filter { $0["file.path"] as? String == bad.path && $0["reason"] != nil }
            #expect(entries.contains { ($0["cell.values"] as? String ?? "").contains(bad.marker) }, "\(bad.path): \(entries)")
            #expect(entries.allSatisfy { !($0["reason"] as? String ?? "").contains(bad.marker) }, "\(bad.path): \(entries)")
            guard bad.path != "constant.csv" else { continue }
            let note = try #require(root.files().first { $0.hasPrefix("quarantine/") && $0.hasSuffix("/\(bad.path).reason.json") })
            let noted = object(String(decoding: try root.read(note), as: UTF8.self))
            #expect(!(noted["what"] as? String ?? bad.marker).contains(bad.marker), "\(noted)")
            #expect(((noted["cells"] as? [String: Any])?["values"] as? [String] ?? []).contains { $0.contains(bad.marker) }, "\(noted)")
        }
        // What was stored can still be left out of what is shown; a card never has it.
        let hidden = try commands(root, ["--hide-values"]) + written(root, log: "").filter { $0.name.hasSuffix("card.json") }
        #expect(markers(in: hidden) == [])
    }

    /// Commands without a daemon.
    @Test func commandsHideWhatTheyRead() throws {
        let root = try world()
        try root.write(Self.csv(f: "ZoeForward"), to: "bad.csv")
        let words = ["forward", root("spool/p/models/m.onnx"), root("bad.csv"), root("out.csv"), "--pipeline", root("pipelines/p.yaml")]
        let shown = try DaemonProcess.command(words)
        #expect(shown.status == 1 && shown.error.contains("\"ZoeForward\" is no number"), "\(shown.error)")
        let hidden = try DaemonProcess.command(words + ["--hide-values"])
        #expect(
            hidden.status == 1 && hidden.error.contains("the value is no number") && !hidden.error.contains("ZoeForward"), "\(hidden.error)"
        )
        try root.write(Self.labelled[0].text, to: "l.csv")
        let training = [
            "optimize", root("spool/t/models/m.onnx"), "--labelled", root("l.csv"), "--out", root("new.onnx"), "--pipeline",
            root("pipelines/t.yaml"),
        ]
        let told = try DaemonProcess.command(training)
        #expect(told.status == 1 && told.error.contains("\"ZoeLabel\" is no number"), "\(told.error)")
        let untold = try DaemonProcess.command(training + ["--hide-values"])
        #expect(
            untold.status == 1 && untold.error.contains("the value is no number") && !untold.error.contains("ZoeLabel"), "\(untold.error)")
    }
}
